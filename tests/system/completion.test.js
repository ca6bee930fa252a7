'use strict';

/* Completion in the real bash and zsh. */

const assert = require('node:assert');
const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');
const { test } = require('node:test');
const { needs } = require('../support/needs');
const { folder, run } = require('../support/daemon');
const { withTerminal } = require('./support/terminal');
const { until } = require('../support/wait');

function dump(shell) {
	const { status, stdout, stderr } = run(['--dump-completion', shell]);
	assert.deepStrictEqual([status, stderr], [0, '']);
	return stdout;
}

/* Returns the completions for a line of these words; the last one is incomplete. */
function bash(...words) {
	const script = `${dump('bash')}
COMP_WORDS=(pm2adapterd ${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${words.length}
_pm2adapterd
printf '%s\\n' "\${COMPREPLY[@]}"`;
	return execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8', cwd: __dirname })
		.split('\n').filter(Boolean);
}

/* Types a line with a TAB at its end, and waits until the shell shows the wanted pattern. */
async function typed(shell, prepare, env, line, wanted) {
	await withTerminal({ columns: 160, lines: 70, shell, env }, async (terminal) => {
		terminal.type(`${prepare} && PS1='ready$ '`);
		terminal.enter();
		await until(() => /^ready\$/m.test(terminal.text()), shell[0]);
		terminal.type(line);
		terminal.key('Tab');
		await until(() => wanted.test(terminal.text()), `${wanted} behind ${line}`);
	});
}

async function withFolder(body) {
	const dir = folder();
	try {
		await body(dir);
	} finally {
		fs.rmSync(dir, { recursive: true });
	}
}

const zsh = (line, wanted) => withFolder((dir) => {
	fs.writeFileSync(path.join(dir, '_pm2adapterd'), dump('zsh'));
	return typed(['zsh', '-f'], `fpath=(${dir} $fpath); autoload -Uz compinit && compinit -u -d ${dir}/dump`,
		{}, line, wanted);
});

/* bash-completion finds the file by its name, as where it is installed. */
const interactiveBash = (line, wanted) => withFolder((dir) => {
	fs.mkdirSync(path.join(dir, 'completions'));
	fs.writeFileSync(path.join(dir, 'completions/pm2adapterd'), dump('bash'));
	return typed(['bash', '--norc', '--noprofile'], '. /usr/share/bash-completion/bash_completion',
		{ BASH_COMPLETION_USER_DIR: dir }, line, wanted);
});

test('bash completes every option', () => {
	const options = [...run(['--help']).stdout.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, name]) => name);
	assert.ok(options.length > 40, String(options));
	assert.deepStrictEqual(bash('--').sort(), options.sort());
	assert.deepStrictEqual(bash('--max-f'), ['--max-frame']);
});

test('bash completes the values of options', () => {
	assert.deepStrictEqual(bash('--log-level', ''), ['debug', 'info', 'warn', 'error']);
	assert.deepStrictEqual(bash('--signal', 're'), ['reload', 'reopen']);
	assert.deepStrictEqual(bash('--config', 'completion.t'), ['completion.test.js']);
	assert.deepStrictEqual(bash('--max-frame', ''), []);
	assert.deepStrictEqual(bash('--log-format', '='), bash('--log-format', ''));
	assert.deepStrictEqual(bash('--log-format', '=', 'j'), ['json', 'journal']);
});

test('bash completes what stands behind an action', () => {
	assert.deepStrictEqual(bash('--stats', 'c'), ['clients', 'closed', 'config']);
	assert.deepStrictEqual(bash('--json', '--stats', 'overview', 'sl'), ['slow']);
	assert.deepStrictEqual(bash('--ask', 'all'), ['allRooms']);
	assert.deepStrictEqual(bash('cl'), []);
});

test('bash-completion loads it', needs('/usr/share/bash-completion/bash_completion', 'tmux'), async () => {
	await interactiveBash('pm2adapterd --max-fr', /^ready\$ pm2adapterd --max-frame/m);
	await interactiveBash('pm2adapterd --log-level=d', /^ready\$ pm2adapterd --log-level=debug/m);
	await interactiveBash('pm2adapterd --stats sl', /^ready\$ pm2adapterd --stats slow/m);
});

test('zsh completes options, values, and what stands behind an action', needs('zsh', 'tmux'), async () => {
	await zsh('pm2adapterd --max-fr', /^ready\$ pm2adapterd --max-frame/m);
	await zsh('pm2adapterd --log-level ', /^debug +error +info +warn/m);
	await zsh('pm2adapterd --log-level=d', /^ready\$ pm2adapterd --log-level=debug/m);
	await zsh('pm2adapterd --config /etc/pass', /^ready\$ pm2adapterd --config \/etc\/passwd/m);
	await zsh('pm2adapterd --stats c', /^clients +closed +config/m);
});

test('the shells find no fault with it', needs('zsh'), () => withFolder((dir) => {
	for (const shell of ['bash', 'zsh']) {
		const file = path.join(dir, shell);
		fs.writeFileSync(file, dump(shell));
		execFileSync(shell, ['-n', file]);
	}
	execFileSync('shellcheck', ['-s', 'bash', path.join(dir, 'bash')]);
}));
