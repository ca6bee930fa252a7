'use strict';

const assert = require('assert/strict');
const { execFile } = require('child_process');
const path = require('path');
const { test } = require('node:test');

const TYPES = path.join(__dirname, '../../src/node/node_modules/@types');
const TSC = require.resolve('typescript/bin/tsc');

test('the types say what is right, and refuse what is wrong', { timeout: 120_000 }, async () => {
	const { code, output } = await new Promise((resolve) => {
		execFile(process.execPath, [
			TSC, '--noEmit', '--strict', '--esModuleInterop', '--skipLibCheck', '--target', 'es2022',
			'--module', 'node16', '--moduleResolution', 'node16', '--types', 'node',
			'--typeRoots', TYPES, path.join(__dirname, 'types.check.ts'),
		], (error, stdout, stderr) => resolve({ code: error?.code ?? 0, output: stdout + stderr }));
	});
	assert.equal(code, 0, output);
	assert.equal(output, '');
});
