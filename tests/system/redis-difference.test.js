'use strict';

/*
 * The same requests to a real redis-server 7 and to the daemon, over several
 * connections to each, and the replies byte for byte the same. After each step
 * every connection asks for a command that isn't there, first the one that was
 * spoken over: all that the step has sent to any client arrives before the
 * answer.
 */

const assert = require('node:assert');
const path = require('node:path');
const { needs } = require('../support/needs');
const { answers, folder } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { RedisServer, RespPeer, command } = require('./support/resp');
const {
	Chance, MALFORMED, NOTHING, request,
} = require('./support/resp-traffic');
const { until } = require('../support/wait');

const N_CONNECTIONS = 5;
const N_STEPS = Number(process.env.STEPS ?? 8000);
const SEED = Number(process.env.SEED ?? Date.now() % 1e6);

/* Both servers, and a pair of connections for each number. */
class Both {
	#wheres;
	#pairs = [];
	#n_barriers = 0;

	constructor(sockets) {
		this.#wheres = sockets.map((socket) => ({ path: socket }));
	}

	async open(i) {
		this.#pairs[i] = await Promise.all(
			this.#wheres.map((where) => RespPeer.connect(where)));
		for (const peer of this.#pairs[i])
			await this.#barrier(peer);
	}

	close() {
		for (const peer of this.#pairs.flat())
			peer.destroy();
	}

	/* Returns the replies to `bytes`, which may end the connection. */
	async #barrier(peer, bytes = Buffer.alloc(0)) {
		const token = `barrier-${++this.#n_barriers}`;
		const isIt = ({ type, value }) =>
			type === '-' && value.includes(`'${token}'`);
		peer.write(Buffer.concat([bytes, command(token)]));
		await peer.wait(() => peer.replies.some(isIt), 'barrier');
		return peer.taken().filter((reply) => !isIt(reply));
	}

	/*
	 * [ended, replies] of each connection to server w, after bytes over i.
	 * Malformed bytes may swallow bytes after them, so nothing follows them.
	 */
	async #step(w, i, bytes, isLast) {
		const peers = this.#pairs.map((pair) => pair[w]);
		const results = [];
		results[i] = isLast ? await peers[i].last(bytes) :
			await this.#barrier(peers[i], bytes);
		await Promise.all(peers.map(async (peer, k) => {
			results[k] ??= await this.#barrier(peer);
		}));
		return peers.map((peer, k) => [peer.ended, results[k]]);
	}

	/* The replies to each server's connections; isLast: bytes end connection i. */
	step(i, bytes, isLast) {
		return Promise.all(
			[0, 1].map((w) => this.#step(w, i, bytes, isLast)));
	}
}

/*
 * Redis goes through its hash tables where a client has several patterns, leaves
 * all at once, or asks for channels: there is no order to keep.
 */
const isTaking = (args) => /^[ps]?unsubscribe$/i.test(args[0]) &&
	args.length === 1;
const isListing = (args) => /^pubsub$/i.test(args[0]) &&
	/channels$/i.test(args[1]);

const text = (reply) => reply.raw.toString('latin1');

/* The connection's id in the answer to HELLO is each server's own. */
const masked = (reply) =>
	text(reply).replace(/(\$2\r\nid\r\n):\d+/, '$1:ID');

/* The subject of a reply whose order among its neighbours is not defined. */
function crowd(reply, requests) {
	const [event, ...rest] = Array.isArray(reply.value) ? reply.value : [];
	const name = event && String(event.value);
	if (name === 'pmessage' && rest.length === 3)
		return `pmessage ${text(rest[1])} ${text(rest[2])}`;
	return requests.some(isTaking) && /unsubscribe$/.test(name) ? name : null;
}

/* A crowd sorted; the counts of what is left stay where they are. */
function sorted(replies, name) {
	if (!/unsubscribe$/.test(name))
		return replies.map(text).sort();
	const names = replies.map(({ value }) => text(value[1])).sort();
	return replies.map(({ value }, k) =>
		[text(value[0]), names[k], text(value[2])].join(' '));
}

function inOrder(replies, requests) {
	const result = [];
	for (let i = 0; i < replies.length;) {
		const name = crowd(replies[i], requests);
		let end = i + 1;
		while (name && end < replies.length &&
			crowd(replies[end], requests) === name)
			end++;
		result.push(...name ? sorted(replies.slice(i, end), name) :
			[masked(replies[i])]);
		i = end;
	}
	return result;
}

/* The channels of a list, sorted: the reply is an array of strings alone. */
function listed(replies) {
	return replies.map((reply) =>
		(reply.type === '*' && reply.value.every(({ type }) => type === '$') ?
			{ ...reply, raw: Buffer.from(
				reply.value.map(text).sort().join(''), 'latin1') } : reply));
}

function comparable([ended, replies], requests) {
	const list = requests.some(isListing) ? listed(replies) : replies;
	return { ended, replies: inOrder(list, requests) };
}

function shown(args) {
	return args.map((arg) => JSON.stringify(
		Buffer.from(arg).toString('latin1').slice(0, 200))).join(' ');
}

/* Returns how both answered on connection i. */
async function compare(both, i, requests, bytes, say, isLast = false) {
	const [real, ours] = await both.step(i, bytes, isLast).catch((err) => {
		throw new Error(say(), { cause: err });
	});
	real.forEach((result, k) => {
		assert.deepStrictEqual(comparable(ours[k], requests),
			comparable(result, requests),
			`connection ${k} differs from Redis, ${say()}`);
	});
	if (real[i][0])
		await both.open(i);
	return comparable(real[i], requests);
}

/* `body` gets Both, with all connections open. */
function difference(name, redisArgs, ourArgs, body) {
	scenario(name, async (start, t) => {
		const redis = await RedisServer.start(redisArgs);
		t.after(() => redis.stop());
		const dir = folder();
		const socket = path.join(dir, 'redis');
		await start({ dir, args: ['--resp-listen', socket, ...ourArgs] });
		await until(() => answers(socket), 'Redis socket');
		const both = new Both([redis.socket, socket]);
		try {
			for (let i = 0; i < N_CONNECTIONS; i++)
				await both.open(i);
			await body(both, t);
		} finally {
			both.close();
		}
	}, needs('redis-server'));
}

async function wander(both, t) {
	const chance = new Chance(SEED);
	const past = Array.from({ length: N_CONNECTIONS }, () => []);
	t.diagnostic(`SEED=${SEED} STEPS=${N_STEPS}`);
	for (let step = 0; step < N_STEPS; step++) {
		const i = chance.below(N_CONNECTIONS);
		const requests = chance.some(3, () => request(chance));
		const bytes = [...requests.map((one) => one.bytes)];
		if (chance.below(40) === 0)
			bytes.unshift(chance.one(NOTHING));
		const isLast = chance.below(60) === 0;
		if (isLast)
			bytes.push(chance.one(MALFORMED));
		past[i].push(...requests.map(({ args }) => shown(args)));
		await compare(both, i, requests.map(({ args }) => args),
			Buffer.concat(bytes), () => `SEED=${SEED}, step ${step}, over ` +
				`connection ${i}:\n${past[i].slice(-12).join('\n')}`,
			isLast);
	}
}

difference('random requests are answered as Redis answers them', [], [],
	wander);

difference('what is malformed is refused as Redis refuses it', [], [],
	async (both) => {
		for (const bytes of MALFORMED) {
			for (const before of ['', 'HELLO 3\r\n', 'SUBSCRIBE a\r\n'])
				await compare(both, 0, [],
					Buffer.concat([Buffer.from(before), bytes]),
					() => JSON.stringify(bytes.toString('latin1', 0, 80)), true);
		}
	});

const PASSWORD = 'correct horse';

difference('who is not authenticated is answered as Redis answers it',
	['--requirepass', PASSWORD], ['--resp-password', PASSWORD, '--hello-timeout', '60s'],
	async (both, t) => {
		const chance = new Chance(SEED);
		t.diagnostic(`SEED=${SEED}`);
		const keys = [
			['AUTH', PASSWORD], ['AUTH', 'default', PASSWORD],
			['HELLO', '3', 'AUTH', 'default', PASSWORD, 'SETNAME', 'me'],
			['AUTH', PASSWORD.slice(0, 7)], ['AUTH', `${PASSWORD}x`],
			['AUTH', ''], ['AUTH', PASSWORD + PASSWORD],
			['AUTH', 'someone', PASSWORD], ['HELLO', '3'], ['HELLO'],
			['HELLO', '2', 'SETNAME', 'me'], ['RESET'],
			['HELLO', '3', 'AUTH', 'default', 'wrong'], ['CLIENT', 'ID', 'x'],
			Array.from({ length: 10 }, () => 'PING'),
			Array.from({ length: 11 }, () => 'PING'),
			['PING', 'x'.repeat(16384)], ['PING', 'x'.repeat(16385)],
		];
		/* Ours ends a connection that has sent three wrong passwords with no right one between
		 * them. One that is refused for another reason is neither. */
		const wrong = Array.from({ length: N_CONNECTIONS }, () => 0);
		const isTrying = (args) => args.some((arg) => /^auth$/i.test(arg));
		for (let step = 0; step < 300; step++) {
			const i = chance.below(N_CONNECTIONS);
			let args = chance.below(2) ? chance.one(keys) :
				request(chance).args;
			if (isTrying(args) && wrong[i] === 2)
				args = keys[0];
			const { ended, replies } = await compare(both, i, [args], command(...args),
				() => `SEED=${SEED}, step ${step}: ${shown(args)}`);
			const hasReply = (prefix) => replies.some((reply) => reply.startsWith(prefix));
			if (ended || (isTrying(args) && !hasReply('-')))
				wrong[i] = 0;
			else
				wrong[i] += hasReply('-WRONGPASS');
		}
	});
