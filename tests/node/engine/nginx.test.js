'use strict';

/* nginx in front of a port for each of four workers, in turn, with and without connections that it keeps. */

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');

const { freePort } = require('../../support/free-port');
const { needs } = require('../../support/needs');
const { next, until, within } = require('../../support/wait');
const { Session, Site, send } = require('../support/site');

const WORKERS = 4;
const EACH = 3; // clients for each way
const WAYS = [['polling'], ['polling', 'websocket'], ['websocket']];

process.env.PATH += ':/usr/sbin';

const config = (dir, port, ports, isKept) => `
daemon off;
master_process off;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log warn;
events { worker_connections 500; }
http {
	access_log off;
	client_body_temp_path ${dir}/body;
	proxy_temp_path ${dir}/proxy;
	fastcgi_temp_path ${dir}/fastcgi;
	scgi_temp_path ${dir}/scgi;
	uwsgi_temp_path ${dir}/uwsgi;
	map $http_upgrade $connection_upgrade { default upgrade; '' '${isKept ? '' : 'close'}'; }
	upstream workers {
		${ports.map((each) => `server 127.0.0.1:${each};`).join(' ')}
		${isKept ? 'keepalive 8;' : ''}
	}
	server {
		listen 127.0.0.1:${port};
		location / {
			proxy_pass http://workers;
			proxy_http_version 1.1;
			proxy_next_upstream off;
			proxy_set_header Host $host;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection $connection_upgrade;
		}
	}
}
`;

/* The port of an nginx in front of the site. */
async function front(t, site, isKept) {
	const dir = path.join(site.dir, 'nginx');
	fs.mkdirSync(dir);
	const port = await freePort();
	fs.writeFileSync(path.join(dir, 'nginx.conf'), config(dir, port, site.ports, isKept));
	const nginx = spawn('nginx', ['-p', dir, '-c', path.join(dir, 'nginx.conf'), '-e', path.join(dir, 'error.log')],
		{ stdio: ['ignore', 'inherit', 'inherit'] });
	const ended = next(nginx, 'exit', 600_000);
	t.after(async () => {
		nginx.kill('SIGKILL');
		await ended;
	});
	await until(() => send(port, '/socket.io/').then(() => true, () => false), 'nginx');
	return port;
}

for (const major of [4, 2])
	for (const isKept of [false, true])
		describe(`Socket.IO ${major}, ${isKept ? 'connections kept' : 'a connection for each request'}`, needs('nginx'), () => {
			test('clients over each transport', async (t) => {
				const site = await Site.start(t, { major, count: WORKERS });
				const port = await front(t, site, isKept);
				const clients = await Promise.all(WAYS.flatMap((transports) => Array.from({ length: EACH },
					() => site.client(port, { transports, reconnection: false }))));
				const lost = [];
				for (const { socket } of clients)
					socket.on('disconnect', (reason) => lost.push(reason));
				await until(() => clients.slice(EACH).every(({ socket }) =>
					socket.io.engine.transport.name === 'websocket'), 'upgrades');
				for (const { ask } of clients)
					for (const value of [0, 'é'.repeat(70_000), Buffer.alloc(70_000, 'a\0\xff')])
						assert.deepEqual(await ask('echo', value), value);
				const all = await Promise.all(site.workers.map(async ({ io }) => Object.keys(io.engine.clients).length));
				assert.ok(all.every((count) => count > 0), `sessions of the workers: ${all}`);
				const sum = (figure) => site.workers.reduce((total, { client }) => total + client.stats[figure], 0);
				assert.ok(sum('forwarded') > 0 && sum('tunnelled') > 0);
				assert.equal(sum('ownerGone'), 0);
				assert.deepEqual(lost, []);
			});

			test('requests of a session, one after the other, and an unknown session', async (t) => {
				const site = await Site.start(t, { major, count: WORKERS });
				const port = await front(t, site, isKept);
				const session = await Session.open(site, 0);
				for (let n = 0; n < 4 * WORKERS; n++) {
					const { status } = await within(send(port, session.target(),
						{ method: 'POST', body: major === 4 ? '3' : '1:2' }), 'answer');
					assert.equal(status, 200);
				}
				assert.ok(site.workers.slice(1).every((_, i) => site.stats(i + 1).forwarded > 0));
				assert.equal((await send(port, session.target('x.abcdef'))).text,
					'{"code":1,"message":"Session ID unknown"}');
			});
		});
