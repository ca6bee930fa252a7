'use strict';

/*
 * A Socket.IO server of either major in a process of its own, which calls the methods of its
 * adapters by order of its parent (cluster.js) and says how it was asked itself.
 *
 * The question says how it answers: { mute: name } is never answered by the member of that name, which
 * tells its parent that it has been asked; { hold: true } is answered at the order 'release'.
 */

const { setTimeout: sleep } = require('timers/promises');

const { MajorServer } = require('./majors');
const { METHODS, pending } = require('./methods');

const { major, name, namespaces, ...adapter } = JSON.parse(process.argv[2]);
const server = new MajorServer(major, { adapter: { name, ...adapter } });
const held = [];

function answer(data, done) {
	if (data?.mute === name)
		process.send({ told: { asked: data } });
	else if (data?.hold)
		held.push(() => done({ name, data }));
	else
		done({ name, data });
}

for (const each of namespaces) {
	const nsp = server.serve(each);
	nsp.adapter.customHook = answer;
	if (major === 4) {
		nsp.on('question', answer);
		nsp.on('note', (...args) => process.send({ told: { nsp: each, note: args } }));
	}
}

async function run({ method, nsp, args }) {
	try {
		return { value: await METHODS[major][method](server.io.of(nsp), ...args) };
	} catch (error) {
		const { code, message, missing, responses, reason } = error;
		return { error: { code, message, missing, responses, reason } };
	}
}

const orders = {
	run,
	runAll: ({ calls }) => Promise.all(calls.map(run)),
	/* Resolves when a question of ours is open at the daemon. */
	async asked() {
		while (pending(server.io, namespaces).questions === 0)
			await sleep(1);
		await server.client.barrier();
	},
	barrier: () => server.client.barrier(),
	pending: () => pending(server.io, namespaces),
	stats: () => ({ ...server.client.stats, connected: server.client.connected }),
	close: () => server.end(),
	held: () => held.length,
	release: () => {
		for (const done of held.splice(0))
			done();
	},
};

process.on('message', async ({ id, order, ...fields }) => {
	process.send({ done: id, reply: await orders[order](fields) });
});

process.on('disconnect', () => process.exit()); // a test that is killed leaves nobody behind

server.listen().then(() => process.send({ port: server.port }));
