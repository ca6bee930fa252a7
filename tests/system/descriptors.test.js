'use strict';

/* Started without the standard descriptors. */

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const { test } = require('node:test');
const { BINARY } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { until } = require('../support/wait');

/* The first descriptors that the daemon opens are those of its event loop: it
 * would read lines of the log as numbers of signals. */
scenario('descriptors 0 to 2 that are closed become no part of the event loop',
	async (start) => {
		const daemon = await start({
			args: ['--log-level', 'debug'],
			wrap: (line) => ['sh', '-c',
				'exec "$0" "$@" <&- >&- 2>&-', ...line],
		});
		const target = (fd) =>
			fs.readlinkSync(`/proc/${daemon.pid}/fd/${fd}`);
		assert.deepStrictEqual([0, 1, 2].map(target),
			Array(3).fill('/dev/null'));
		for (let n = 0; n < 50; n++)
			(await daemon.member({ name: `member ${n}` })).destroy();
		await until(() => daemon.rows('clients').length <= 1, 'ends');
		await (await daemon.member()).barrier();
	});

test('a command whose output is closed says that it failed', () => {
	const { status } = spawnSync('sh',
		['-c', 'exec "$0" --dump-config >&-', BINARY]);
	assert.notStrictEqual(status, 0);
});
