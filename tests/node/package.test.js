'use strict';

/* The package as npm gives it to its users, with the daemon's sources in it. */

const assert = require('assert/strict');
const { spawn } = require('child_process');
const { once } = require('events');
const fs = require('fs');
const path = require('path');
const { after, before, describe, test } = require('node:test');

const { PrivatePm2, waitUntil } = require('../../docs/demo/private-pm2');
const { LIBRARIES, TOOLS, unsupported } = require('../../src/node/lib/daemon/needs');
const { version } = require('../../src/node/package.json');
const pm2App = require('../../src/node/pm2');
const { BINARY, answers } = require('../support/daemon');
const { freePort, spread } = require('./support/pm2');
const { PACKAGE, Project } = require('./support/project');
const Traffic = require('./support/traffic');
const { until, within } = require('../support/wait');

const LONG = { timeout: 180_000 };
const NOBODY = 65534;
const NO_LIBRARIES = { PKG_CONFIG_LIBDIR: '/nonexistent', PKG_CONFIG_PATH: '' };
const REPO = path.join(PACKAGE, '../..');

describe('the package and the project', () => {
	const makefile = fs.readFileSync(path.join(REPO, 'Makefile'), 'utf8');
	const value = (name) => new RegExp(`^${name} := ((?:.*\\\\\n)*.*)$`, 'm').exec(makefile)[1]
		.replace(/\\\n/g, ' ').split(/\s+/).filter(Boolean);

	test('have one version', () => {
		assert.deepEqual(value('VERSION'), [version]);
	});

	test('need the same libraries and tools to build', () => {
		const needed = value('LIBS_PC').map((name) => (name === '$(MSGPACK)' ? 'msgpack' : name));
		assert.deepEqual(LIBRARIES.map(({ names }) => names.at(-1)).sort(), needed.sort());
		const packages = new Set([...LIBRARIES, ...TOOLS].flatMap(({ apt }) => apt));
		for (const name of value('PACKAGES'))
			assert.ok(packages.has(name), name);
	});

	test('name the systems on which there is no daemon', () => {
		const glibc = { header: { glibcVersionRuntime: '2.36' } };
		assert.equal(unsupported('linux', glibc), null);
		assert.match(unsupported('darwin', glibc), /needs Linux; this is darwin/);
		assert.match(unsupported('linux', { header: {} }), /needs glibc/);
	});
});

describe('the entry for an ecosystem file', () => {
	test('is that of the project\'s own, but for its launcher', () => {
		const { apps: [own] } = require('../../conf/ecosystem.config');
		const entry = pm2App();
		for (const name of ['name', 'interpreter', 'exec_mode', 'instances', 'wait_ready',
			'kill_timeout', 'stop_exit_codes'])
			assert.deepEqual(entry[name], own[name], name);
		assert.ok(fs.statSync(entry.script).mode & 0o100);
		assert.equal(entry.env.PM2ADAPTERD_NODE, process.execPath);
	});

	test('has the options in the daemon\'s own words', () => {
		const { name, args } = pm2App({
			name: 'glue', socket: '/run/s', config: 'c.conf', args: ['--max-frame', '1m'],
		});
		assert.equal(name, 'glue');
		assert.deepEqual(args, ['--config', path.resolve('c.conf'), '--socket', '/run/s', '--max-frame', '1m']);
		assert.deepEqual(pm2App().args, []);
	});

	test('refuses what it can\'t be', () => {
		for (const options of [null, 7, { name: '' }, { name: 7 }, { socket: '' }, { config: 1 },
			{ args: '--stats' }, { args: [1] }])
			assert.throws(() => pm2App(options), { code: 'PM2A_ERR_OPTION' }, JSON.stringify(options));
	});
});

describe('the package, installed', () => {
	let project;
	let files;

	const built = () => path.join(project.package, 'daemon/pm2adapterd');
	const where = async () => (await project.npx(['where'])).stdout.trim();

	before(() => {
		for (const folder of ['/usr/local/bin', '/usr/local/sbin', '/usr/bin', '/usr/sbin'])
			assert.ok(!fs.existsSync(path.join(folder, 'pm2adapterd')),
				`a daemon in ${folder} is found by the package, which is to be tested without: remove it`);
		project = new Project();
		files = project.install();
	}, LONG);

	after(() => project?.destroy());

	test('carries the sources, and nothing that was built or tests it', () => {
		for (const name of ['daemon/Makefile', 'daemon/src/net/conn_life.c', 'daemon/src/base/err.h',
			'daemon/include/pm2a.h', 'bin/pm2adapterd.sh', 'lib/client/client.js', 'pm2.js', 'pm2.d.ts', 'LICENSE'])
			assert.ok(files.includes(name), name);
		const other = /^(bin|lib)\/.*\.(js|sh)$|^daemon\/.*(\.[ch]|Makefile|\.conf|page\/[a-z]+\.(html|css|js))$|^[^/]+$/;
		assert.deepEqual(files.filter((name) => !other.test(name)), []);
		assert.ok(!fs.existsSync(path.join(PACKAGE, 'daemon')), 'the sources are here once');
		const { scripts } = require('../../src/node/package.json');
		assert.ok(!Object.keys(scripts).some((name) => /install|prepare$/.test(name)));
	});

	test('says how to run the daemon, and how it would be built', async () => {
		const { code, stdout } = await project.npx([]);
		assert.equal(code, 0);
		assert.match(stdout, /not built yet/);
		assert.match(stdout, /npx socket\.io-pm2adapter build/);
		assert.ok(stdout.includes('require(\'socket.io-pm2adapter/pm2\')()'));
		const { code: none, stderr } = await project.npx(['where']);
		assert.equal(none, 69);
		assert.match(stderr, /not built yet/);
	});

	test('refuses what it doesn\'t know', async () => {
		for (const args of [['biuld'], ['build', 'now'], ['where', '--bulid'], ['run', '--stats']]) {
			const { code, stdout, stderr } = await project.npx(args);
			assert.deepEqual([code, stdout], [64, ''], args.join(' '));
			assert.match(stderr, /^usage: /);
		}
	});

	test('names what is missing, and the command that installs it', async () => {
		const { code, stdout, stderr } = await project.npx(['build'], { env: NO_LIBRARIES });
		assert.deepEqual([code, stdout], [78, '']);
		assert.match(stderr, /missing: libevent_core, msgpack-c or msgpack, libbsd, jansson/);
		assert.match(stderr, /apt-get install libevent-dev libmsgpack-dev libbsd-dev libjansson-dev$/m);
		const nothing = await project.npx(['build'], { env: { PATH: '/nonexistent' } });
		assert.equal(nothing.code, 78);
		assert.match(nothing.stderr, /missing: bash, cc, ld, make, pkg-config, /);
	});

	test('wants the binary that PM2ADAPTERD_BIN names, and no other', async () => {
		const named = await project.npx(['where'], { env: { PM2ADAPTERD_BIN: BINARY } });
		assert.deepEqual(named, { code: 0, stdout: `${BINARY}\n`, stderr: '' });
		const { code, stderr } = await project.npx(['where'], { env: { PM2ADAPTERD_BIN: '/bin/false' } });
		assert.equal(code, 78);
		assert.match(stderr, /PM2ADAPTERD_BIN: \/bin\/false: it ended with 1/);
	});

	test('finds one in PATH', async () => {
		const env = { PATH: `${path.dirname(BINARY)}:${process.env.PATH}` };
		assert.equal((await project.npx(['where'], { env })).stdout, `${BINARY}\n`);
	});

	test('shows what a build that fails has said', async () => {
		const { code, stderr } = await project.npx(['build'], { env: { CFLAGS: '-fno-such-thing' } });
		assert.equal(code, 78);
		assert.match(stderr, /the build has failed:\n(.*\n)*.*-fno-such-thing/);
		assert.deepEqual(fs.readdirSync(path.dirname(built())).filter((name) => name.startsWith('.')), []);
	});

	describe('under pm2, by two lines', () => {
		let pm2;
		let url;

		const app = async () => (await pm2.list()).find(({ name }) => name === 'pm2adapterd');
		const exe = async () => fs.readlinkSync(`/proc/${(await app()).pid}/exe`);

		async function assertTraffic() {
			await pm2.whenJoined(2);
			const clients = await spread(url, { workers: 2, perWorker: 1 });
			const traffic = new Traffic(clients);
			try {
				await traffic.round();
				assert.deepEqual(traffic.faults({ whole: clients }), []);
			} finally {
				traffic.end();
				clients.forEach(({ socket }) => socket.disconnect());
			}
		}

		before(async () => {
			const port = await freePort();
			url = `http://127.0.0.1:${port}/`;
			pm2 = new PrivatePm2({
				daemon: BINARY,
				ecosystem: project.addApp(),
				env: { ...project.env, PORT: String(port) },
			});
		}, LONG);

		after(() => pm2?.kill(), LONG);

		test('pm2 stops it where it can\'t be built, and its log says why', LONG, async () => {
			Object.assign(pm2.env, NO_LIBRARIES);
			await pm2.start('--only', 'pm2adapterd');
			const stopped = await waitUntil('stop', 30_000, async () => {
				const found = await app();
				return found.status === 'stopped' && found;
			});
			assert.equal(stopped.restarts, 0);
			assert.match(pm2.complaints(), /libbsd-dev/);
			await pm2.run('delete', 'pm2adapterd');
			for (const name of Object.keys(NO_LIBRARIES))
				delete pm2.env[name];
		});

		test('the first start builds it, and what pm2 has started becomes the daemon', LONG, async () => {
			await pm2.start();
			await assertTraffic();
			assert.equal(await exe(), built());
			assert.equal((await app()).pid, (await pm2.stats()).overview.pid);
			assert.equal(await where(), built());
		});

		test('what npm empties comes from the cache', LONG, async () => {
			fs.unlinkSync(built());
			await pm2.run('restart', 'pm2adapterd');
			await assertTraffic();
			assert.equal(await exe(), await where());
			assert.ok((await where()).startsWith(project.cache));
			assert.ok(!fs.existsSync(built()));
		});

		test('run gives it all options, its signals and its exit code', async () => {
			const env = { PM2_HOME: pm2.home };
			const { code, stdout } = await project.npx(['run', '--', '--stats', '--json'], { env });
			assert.equal(code, 0);
			assert.equal(JSON.parse(stdout).overview.members, 2);
			assert.equal((await project.npx(['run', '--', '--no-such-option'])).code, 64);
			assert.match((await project.npx([])).stdout, /^pm2adapterd \S+ is \//);

			const socket = path.join(project.dir, 's');
			const child = spawn(project.command, ['run', '--', '--socket', socket],
				{ env: project.env, stdio: 'ignore' });
			await until(() => answers(socket), 'daemon');
			const ended = once(child, 'exit');
			child.kill('SIGTERM');
			assert.deepEqual(await within(ended, 'end'), [0, null]);
			assert.equal(await answers(socket), false);
		});
	});

	test('is built in the cache by who may not write to it', LONG, async () => {
		const isRoot = process.getuid() === 0;
		const cache = path.join(project.dir, 'other');
		const folders = [project.package, path.join(project.package, 'daemon')];
		fs.mkdirSync(cache);
		if (isRoot)
			fs.chownSync(cache, NOBODY, NOBODY);
		else
			folders.forEach((folder) => fs.chmodSync(folder, 0o555));
		const { code, stdout, stderr } = await project.npx(['build'], {
			env: { XDG_CACHE_HOME: cache }, ...(isRoot && { uid: NOBODY, gid: NOBODY }),
		});
		folders.forEach((folder) => fs.chmodSync(folder, 0o755));
		assert.equal(code, 0, stderr);
		assert.ok(stdout.startsWith(cache), stdout);
		assert.ok(!fs.existsSync(built()));
		assert.deepEqual(fs.readdirSync(path.dirname(stdout.trim())), ['pm2adapterd']);
	});

	test('builds again what no longer runs', LONG, async () => {
		fs.rmSync(project.cache, { recursive: true });
		fs.writeFileSync(built(), 'not a program', { mode: 0o755 });
		const { code, stdout, stderr } = await project.npx(['where', '--build']);
		assert.equal(code, 0, stderr);
		assert.equal(stdout, `${built()}\n`);
		assert.match(stderr, /does not run: /);
	});
});
