'use strict';

/*
 * node run.js          starts pm2 with the daemon and the workers, and keeps them until Ctrl-C
 * node run.js --once   the same, has eight clients check every delivery, and ends
 *
 * However it ends, it ends the pm2 that it started and removes its folder.
 */

const fs = require('fs');
const net = require('net');
const path = require('path');

const USAGE = 64;
const START_MS = 25000;
const CHECK_MS = 180_000;
const WATCH_MS = 2000;
const PROBLEMS_SHOWN = 12;
const HOST = process.env.DEMO_HOST || '127.0.0.1';
const PORT = 3000;
const PORTS_TRIED = 50;
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

const colour = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
const dim = (text) => paint(2, text);
const bold = (text) => paint(1, text);
const tick = () => paint(32, '✓');

const say = (text = '') => console.log(text);

class Sorry extends Error {}

function within(ms, what, promise) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`${what}: not within ${ms / 1000} s`)), ms);
	});
	return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/* Promises the port if it is free, else null; 0 selects any free one. */
function tryPort(port) {
	return new Promise((resolve) => {
		const server = net.createServer();
		server.once('error', () => resolve(null));
		server.listen(port, HOST, () => {
			const found = server.address().port;
			server.close(() => resolve(found));
		});
	});
}

async function findPort(once) {
	const first = process.env.PORT ? Number(process.env.PORT) : PORT;
	if (!Number.isInteger(first) || first < 1 || first > 65535)
		throw new Sorry(`PORT is ${process.env.PORT}, which is no port`);
	if (once && !process.env.PORT)
		return tryPort(0);
	for (let port = first; port < Math.min(first + PORTS_TRIED, 65536); port++)
		if (await tryPort(port))
			return port;
	throw new Sorry(`no free port from ${first} on; name one with PORT`);
}

function checkGround() {
	let ground;
	try {
		require.resolve('pm2/package.json');
		require.resolve('socket.io/package.json');
		ground = require('./private-pm2');
	} catch (err) {
		throw new Sorry('the npm packages are missing; `make deps` installs them', { cause: err });
	}
	try {
		fs.accessSync(ground.DAEMON, fs.constants.X_OK);
	} catch {
		throw new Sorry(`no daemon at ${path.relative('.', ground.DAEMON)}; \`make\` builds it`);
	}
	return ground;
}

async function start(pm2, url, workers) {
	await pm2.start();
	for (const { name, status } of await pm2.list())
		if (!['online', 'launching'].includes(status))
			throw new Error(`${name} does not run: ${status} after some attempts`);
	const members = await pm2.whenJoined(workers, START_MS);
	const response = await fetch(url);
	if (!response.ok)
		throw new Error(`${url} answers with ${response.status}`);
	await response.text();
	return members;
}

async function serve(pm2, url, members, stopped) {
	const { overview } = await pm2.stats();
	const pids = members.map((member) => member.pid).sort((a, b) => a - b);
	const daemon = path.relative('.', pm2.daemon);
	say(`  ${bold('pm2adapterd')} ${dim('demo')}`);
	say();
	say(`  page      ${bold(url)}`);
	say(`  workers   ${pids.length} ${dim(`in pm2's cluster mode, pids ${pids.join(' ')}`)}`);
	say(`  daemon    ${dim(`pid ${overview.pid}, ${overview.socket}`)}`);
	say();
	say('  Open the page in two tabs: another worker serves each of them.');
	say(`  Look inside with ${dim(`${daemon} --stats --socket ${overview.socket}`)}`);
	say(`  and              ${dim(`PM2_HOME=${pm2.home} npm --prefix src/node exec pm2 ls`)}`);
	say();
	say(`  ${bold('Ctrl-C')} ends it all.`);
	let watch;
	const gone = new Promise((_, reject) => {
		watch = setInterval(() => pm2.isRunning() || reject(new Error('pm2 has ended')), WATCH_MS);
	});
	await Promise.race([stopped, gone]).finally(() => clearInterval(watch));
}

async function runCheck(pm2, url, workers) {
	const Check = require('./check');
	const check = new Check();
	let failure = null;
	try {
		await within(CHECK_MS, 'the check',
			check.run(url, workers, (what) => say(`  ${tick()} ${what}`)));
	} catch (err) {
		failure = err;
	}
	const { expected, delivered, duplicates, lost, questions, problems } = check.close();
	const lines = problems.slice(0, PROBLEMS_SHOWN);
	if (problems.length > lines.length)
		lines.push(`and ${problems.length - lines.length} more like these`);
	if (failure)
		lines.push(failure.message);
	return {
		ok: lines.length === 0,
		lines,
		logs: lines.length ? pm2.complaints() : '',
		asked: `questions: ${questions.asked} asked, ${questions.right} answered right, ` +
			`${questions.late} late`,
		summary: `demo: delivered ${delivered} of ${expected}, duplicates ${duplicates}, ` +
			`lost ${lost}, workers ${workers}`,
	};
}

async function demo(once, stopped) {
	const { PrivatePm2 } = checkGround();
	const workers = Number(process.env.DEMO_WORKERS || 4);
	const port = await findPort(once);
	const url = `http://${HOST}:${port}/`;
	const pm2 = new PrivatePm2({
		env: {
			DEMO_HOST: HOST,
			PORT: String(port),
			DEMO_WORKERS: String(workers),
			...(once && { DEMO_CHECK: '1' }),
		},
	});
	try {
		const members = await Promise.race([start(pm2, url, workers), stopped]);
		if (!members)
			return null;
		if (!once) {
			await serve(pm2, url, members, stopped);
			say();
			return null;
		}
		say(`  ${tick()} the daemon and ${workers} workers, run by a pm2 of their own`);
		return await Promise.race([runCheck(pm2, url, workers), stopped]);
	} catch (err) {
		throw new Error(`${err.message}\n${pm2.complaints()}`.trim(), { cause: err });
	} finally {
		await pm2.kill();
	}
}

async function main(args) {
	if (args.some((arg) => arg !== '--once')) {
		console.error('usage: node run.js [--once]');
		return USAGE;
	}
	const once = args.includes('--once');
	let code = 0;
	// Resolves to undefined, which distinguishes a signal from a result. Handlers stay for further
	// signals, which would otherwise end this process before pm2.
	const stopped = new Promise((resolve) => {
		for (const [signal, status] of Object.entries(SIGNALS))
			process.on(signal, () => {
				code = once ? status : 0;
				resolve();
			});
	});
	try {
		const result = await demo(once, stopped);
		if (!result)
			return code;
		for (const line of result.lines)
			console.error(`  ${paint(31, '✗')} ${line}`);
		if (result.logs)
			console.error(result.logs);
		say(result.asked);
		say(result.summary);
		return result.ok ? 0 : 1;
	} catch (err) {
		console.error(`demo: ${err.message}`);
		return 1;
	}
}

main(process.argv.slice(2)).then((code) => process.exit(code));
