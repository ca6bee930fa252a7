'use strict';

/*
 * Messages of a native worker as a client of Redis gets them from the real daemon:
 * random broadcasts against JSON.parse(), and every kind of broken one.
 */

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { answers, folder, ROOT } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { publish } = require('./support/frames');
const { decode, encode } = require('./support/msgpack');
const { RespPeer, command } = require('./support/resp');
const { until } = require('../support/wait');

const TOPIC = 'k#/#';
const N_RANDOM = 2000;
const BINS_MAX = 2; // of a broadcast
const SEED = Number(process.env.SEED ?? 1);

/* xorshift32: the same in each run. */
class Chance {
	#state;

	constructor(seed) {
		this.#state = seed;
	}

	below(n) {
		this.#state ^= this.#state << 13;
		this.#state ^= this.#state >>> 17;
		this.#state ^= this.#state << 5;
		return (this.#state >>> 0) % n;
	}

	of(list) {
		return list[this.below(list.length)];
	}
}

const NUMBERS = [0, 1, -1, 127, 128, -32, -33, 255, 256, 65535, 65536, 2 ** 31,
	-(2 ** 31), -(2 ** 31) - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 1e21,
	1.5, -0.1, 1e-7, 5e-324, 1.7976931348623157e308, 123456.789e-30];
const PIECES = ['', 'a', 'text', '"', '\\', '/', '\n', '\u0000', '\u001f', 'é', '☃',
	'\u{1f600}', '\ud83d', '\ude00', '\u2028', '_placeholder', 'num', '__proto__'];

function randomText(chance) {
	return Array.from({ length: chance.below(5) }, () => chance.of(PIECES)).join('');
}

/* JSON of a random value: as JSON.stringify() writes it, or in other ways. */
function randomJson(chance, depth) {
	const kind = chance.below(depth > 5 ? 5 : 8);
	const inner = () => randomJson(chance, depth + 1);
	const blank = () => chance.of(['', '', '', ' ', '\n\t']);
	switch (kind) {
	case 0: return chance.of(['null', 'true', 'false']);
	case 1: return String(chance.of(NUMBERS));
	case 2: return String(chance.below(2 ** 32) / 10 ** chance.below(12));
	case 3: return JSON.stringify(randomText(chance));
	case 4: return JSON.stringify({ _placeholder: true, num: BINS_MAX + chance.below(3) });
	case 5: return chance.of(['1e3', '1E+2', '10.0', '-0', '1e-2', '12345678901234567890',
		'0.1e1', '"\\u00E9\\/"', '"\\ud83d\\ude00"', '"\\ude00"']);
	case 6: return `[${blank()}${Array.from({ length: chance.below(20) }, inner)
		.join(`${blank()},`)}]`;
	default: return `{${Array.from({ length: chance.below(6) }, () =>
		`${blank()}${JSON.stringify(randomText(chance))}${blank()}:${inner()}`)
		.join(',')}}`;
	}
}

/* A value of JSON.parse() in a form to compare: half a surrogate pair is U+FFFD,
 * and placeholders are the bins that they stand for. */
function canonical(value, bins = []) {
	if (Buffer.isBuffer(value))
		return { bin: value.toString('hex') };
	if (typeof value === 'string')
		return value.toWellFormed?.() ?? Buffer.from(value).toString();
	if (typeof value === 'bigint')
		return Number(value);
	if (Array.isArray(value))
		return value.map((each) => canonical(each, bins));
	if (typeof value !== 'object' || value === null)
		return Object.is(value, -0) ? 0 : value;
	if (bins.length > 0 && value._placeholder === true && Number.isInteger(value.num) &&
		value.num >= 0 && value.num < bins.length)
		return canonical(bins[value.num]);
	const entries = Object.entries(value)
		.map(([key, each]) => [Buffer.from(key).toString(), canonical(each, bins)]);
	return Object.fromEntries(entries);
}

async function open(start) {
	const redis = path.join(folder(), 'redis');
	const daemon = await start({ args: ['--resp-listen', redis] });
	await until(() => answers(redis), 'listener for Redis');
	const client = daemon.own(await RespPeer.connect({ path: redis }));
	client.write(command('PSUBSCRIBE', 'k#/#*'));
	await client.wait(() => client.replies.length > 0, 'subscription');
	client.taken();
	const worker = await daemon.member();
	/* Returns the messages for these bodies, and for one more that is the last. */
	const bodies = async (...sent) => {
		const last = encode(['u', { type: 2, data: ['last'] }, {}]);
		for (const body of sent)
			worker.write(publish(TOPIC, body));
		worker.write(publish(TOPIC, last));
		const got = [];
		const take = () => {
			got.push(...client.taken().map(({ value }) => value[3].value));
			return got.at(-1)?.equals(last);
		};
		await client.wait(take, 'messages');
		return got.slice(0, -1);
	};
	return { daemon, bodies };
}

scenario('random broadcasts come as JSON.parse() has them', async (start) => {
	const { bodies } = await open(start);
	const chance = new Chance(SEED);
	for (let round = 0; round < N_RANDOM / 50; round++) {
		const sent = [];
		for (let n = 0; n < 50; n++) {
			const bins = Array.from({ length: chance.below(BINS_MAX + 1) },
				() => Buffer.alloc(chance.below(4), 0xff));
			const list = Array.from({ length: chance.below(5) },
				() => randomJson(chance, 0));
			list.unshift('"name"', ...bins.map((_, num) =>
				JSON.stringify({ _placeholder: true, num })));
			const data = `[${list.join(',')}]`;
			const head = bins.length > 0 ? `5${bins.length}-` : '2';
			sent.push({ data, bins, body: encode(['u', null, null, head + data, ...bins]) });
		}
		const got = await bodies(...sent.map(({ body }) => body));
		assert.strictEqual(got.length, sent.length);
		got.forEach((body, n) => {
			const [uid, packet, opts] = decode(body);
			const { data, bins } = sent[n];
			assert.deepStrictEqual([uid, packet.type, packet.nsp, opts],
				['u', 2, '/', { rooms: [], except: [], flags: {} }]);
			assert.deepStrictEqual(canonical(packet.data),
				canonical(JSON.parse(data), bins), data);
		});
	}
});

scenario('what is broken reaches no client of Redis, and is counted', async (start) => {
	const { daemon, bodies } = await open(start);
	const broken = fs.readFileSync(path.join(ROOT, 'tests/vectors/adapter.txt'), 'utf8')
		.split('\n\n').filter((block) => /^kind: malformed$/m.test(block))
		.map((block) => Buffer.from(/^body: (.*)$/m.exec(block)[1], 'hex'));
	assert.ok(broken.length > 20);
	const deep = encode(['u', null, null, `2["x",${'['.repeat(600)}${']'.repeat(600)}]`]);
	const costly = encode(['u', null, null, `2["x"${',0'.repeat(800_000)}]`]);
	const good = encode(['u', null, null, '2["x"]']);
	assert.strictEqual((await bodies(...broken, good, deep, costly, good)).length, 2);
	const { redis } = daemon.rows('overview');
	assert.deepStrictEqual(
		[redis.malformed, redis.too_deep, redis.too_costly, redis.translated],
		[broken.length, 1, 1, 2]);
	assert.match(daemon.stderr, /redis-untranslated .*reason=malformed .*topic="k#\/#"/);
});
