'use strict';

/* --watch on a real terminal: tmux has one, and can be asked what it shows. */

const assert = require('node:assert');
const { spawn } = require('child_process');
const { needs } = require('../support/needs');
const { publish } = require('./support/frames');
const { BINARY } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { withTerminal } = require('./support/terminal');
const { until } = require('../support/wait');

/* Traffic to one receiver for as long as the returned function isn't called. */
async function traffic(daemon) {
	const sender = await daemon.member({ name: 'sender', pm_id: 0 });
	const receiver = await daemon.member({ name: 'receiver', pm_id: 1 });
	await receiver.subscribe(['t']);
	const message = Buffer.concat(Array(10).fill(publish('t', Buffer.alloc(100))));
	const timer = setInterval(() => sender.write(message), 20);
	return () => clearInterval(timer);
}

const WIDE = { columns: 110, lines: 30 };

scenario('--watch shows rates, sparklines and clients, and q leaves all as it was', async (start, t) => {
	const daemon = await start();
	const stop = await traffic(daemon);
	t.after(stop);
	await withTerminal(WIDE, async (terminal) => {
		terminal.type('echo before');
		terminal.enter();
		await until(() => /^before$/m.test(terminal.text()), 'the shell');
		terminal.type(`${BINARY} --socket ${daemon.socket} --watch --interval 200 --sort messages_out`);
		terminal.enter();
		await until(() => /delivered +[1-9][\d,]*\/s +[▁▂▃▄▅▆▇█]{3}/.test(terminal.text()),
			'a rate and a sparkline');
		const shown = terminal.text();
		assert.match(shown, /^pm2adapterd\/\S+ {2}pid \d+ {2}up /);
		assert.match(shown, /2 workers, 3 connections, 1 topics/);
		assert.match(shown, /p99: message \d/);
		const rows = shown.split('\n').filter((line) => /^ +\d+ (sender|receiver|pm2adapterd)/.test(line));
		assert.strictEqual(rows.length, 3, shown);
		assert.match(rows[0], / receiver +1 /);
		assert.doesNotMatch(shown, /before/);

		terminal.type('q');
		await until(() => /^before$/m.test(terminal.text()), 'the screen of before');
		assert.doesNotMatch(terminal.text(), /delivered/);
		terminal.type('stty -a | grep -ow -e -icanon -e icanon -e -echo -e echo; echo is $?');
		terminal.enter();
		await until(() => /^is 0$/m.test(terminal.text()), 'the modes of the terminal');
		assert.match(terminal.text(), /^icanon$/m);
		assert.match(terminal.text(), /^echo$/m);
	});
	stop();
}, needs('tmux'));

scenario('Ctrl-Z gives the screen back while --watch is stopped', async (start, t) => {
	const daemon = await start();
	const stop = await traffic(daemon);
	t.after(stop);
	await withTerminal(WIDE, async (terminal) => {
		const isShown = () => /delivered +[1-9]/.test(terminal.text());
		terminal.type('echo before');
		terminal.enter();
		await until(() => /^before$/m.test(terminal.text()), 'the shell');
		terminal.type(`${BINARY} --socket ${daemon.socket} --watch --interval 200`);
		terminal.enter();
		for (let times = 0; times < 2; times++) {
			await until(isShown, 'the view');
			assert.doesNotMatch(terminal.text(), /before/);
			terminal.key('C-z');
			await until(() => /^before$/m.test(terminal.text()), 'the screen of before');
			assert.ok(!isShown());
			terminal.type(`stty -a | grep -ow -e -icanon -e icanon; echo is ${times}.`);
			terminal.enter();
			await until(() => terminal.text().includes(`\nis ${times}.`), 'the modes of the terminal');
			assert.doesNotMatch(terminal.text(), /^-icanon$/m);
			terminal.type('fg');
			terminal.enter();
		}
		await until(isShown, 'the view again');
		terminal.type('q');
		await until(() => /^before$/m.test(terminal.text()), 'the end');
	});
}, needs('tmux'));

scenario('--watch follows the size of the terminal', async (start) => {
	const daemon = await start();
	for (let n = 0; n < 12; n++)
		await daemon.member({ name: `worker ${n}` });
	await withTerminal(WIDE, async (terminal) => {
		terminal.type(`${BINARY} --socket ${daemon.socket} --watch --interval 60000`);
		terminal.enter();
		await until(() => /worker 11/.test(terminal.text()), 'all workers');
		terminal.resize(60, 14);
		await until(() => /OWED/.test(terminal.text()) === false &&
			/worker 0/.test(terminal.text()) && !/worker 11/.test(terminal.text()),
		'a smaller picture, long before the next sample');
		const lines = terminal.text().trimEnd().split('\n');
		assert.ok(lines.length <= 14, terminal.text());
		assert.match(lines[0], /^pm2adapterd\//);
		terminal.resize(110, 30);
		await until(() => /worker 11/.test(terminal.text()), 'all workers again');
		terminal.type('q');
	});
}, needs('tmux'));

scenario('--watch waits for a daemon that is away, and Ctrl-C ends it in order', async (start) => {
	const daemon = await start();
	await withTerminal(WIDE, async (terminal) => {
		terminal.type('echo before');
		terminal.enter();
		terminal.type(`${BINARY} --socket ${daemon.socket} --watch --interval 100`);
		terminal.enter();
		await until(() => /0 workers/.test(terminal.text()), 'the view');
		await daemon.stop();
		await until(() => /no daemon is running there\n\nwaiting for it/.test(terminal.text()),
			'the news');
		await start({ socket: daemon.socket });
		await until(() => /0 workers/.test(terminal.text()), 'the view again');
		terminal.key('C-c');
		await until(() => /^before$/m.test(terminal.text()), 'the screen of before');
	});
}, needs('tmux'));

scenario('colours are for terminals whose user wants them', async (start) => {
	const daemon = await start();
	await withTerminal(WIDE, async (terminal) => {
		terminal.type(`${BINARY} --socket ${daemon.socket} --watch --interval 100`);
		terminal.enter();
		await until(() => /0 workers/.test(terminal.text()), 'the view');
		assert.match(terminal.text({ colours: true }), /\x1b\[1mpm2adapterd/);
	});
	await withTerminal({ ...WIDE, env: { NO_COLOR: '1' } }, async (terminal) => {
		terminal.type(`${BINARY} --socket ${daemon.socket} --watch --interval 100`);
		terminal.enter();
		await until(() => /0 workers/.test(terminal.text()), 'the view');
		assert.doesNotMatch(terminal.text({ colours: true }), /\x1b\[1mpm2adapterd/);
	});
}, needs('tmux'));

scenario('without a terminal --watch prints one block after the other', async (start) => {
	const daemon = await start();
	const child = spawn(BINARY, ['--socket', daemon.socket, '--watch', '--interval', '100']);
	let out = '';
	child.stdout.setEncoding('utf8').on('data', (text) => { out += text; });
	await until(() => out.split('0 workers').length > 3, 'three blocks');
	child.kill('SIGTERM');
	const code = await new Promise((resolve) => { child.once('exit', resolve); });
	assert.strictEqual(code, 0);
	assert.doesNotMatch(out, /\x1b/);
});

scenario('where there is no daemon at the beginning, --watch ends with 69', async () => {
	const child = spawn(BINARY, ['--socket', '/nonexistent/s', '--watch']);
	let err = '';
	child.stderr.setEncoding('utf8').on('data', (text) => { err += text; });
	const code = await new Promise((resolve) => { child.once('exit', resolve); });
	assert.strictEqual(code, 69);
	assert.match(err, /no daemon is running there/);
});
