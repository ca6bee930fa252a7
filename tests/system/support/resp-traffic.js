'use strict';

/*
 * Requests by chance, out of a seed: those that are about publishing and
 * subscribing, with odd names and odd patterns, and other commands of a
 * connection. Requests that Redis and pm2adapterd answer differently on purpose
 * are not among them; docs/PROTOCOL.md lists these.
 */

const { command } = require('./resp');

/* mulberry32: small, and the same everywhere. */
class Chance {
	#state;

	constructor(seed) {
		this.#state = seed >>> 0;
	}

	below(n) {
		this.#state = (this.#state + 0x6d2b79f5) >>> 0;
		let t = this.#state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) % n;
	}

	one(list) {
		return list[this.below(list.length)];
	}

	/* From 1 to max of what make() gives. */
	some(max, make) {
		return Array.from({ length: 1 + this.below(max) }, make);
	}
}

const bytes = (text) => Buffer.from(text, 'latin1');

const CHANNELS = [
	'a', 'b', 'ab', 'abc', 'abd', 'a.b', 'b]', 'a-c', '*', 'a*', '\\',
	'socket.io#/#', 'socket.io#/#room#', 'socket.io#/chat#', 'news.1',
	'line\r\nend', 'null\0byte', '\x80\xff', '-', '^a', '[ab]',
].map(bytes);

const PATTERNS = [
	'', '*', '**', '?', '??', 'a*', '*b', 'a?', '?b', 'a**b', '*.*', 'a*b*c',
	'[ab]', '[^ab]', '[a-c]*', '[c-a]?', '[^]', '[]', '[]a', '[a', '[', 'a[',
	'[a-', '[^', '[\\]]', 'b[]]', '[\\', '\\', '\\*', '\\a*', 'a\\', '\\\\',
	'[*]', 'a[-]c', '[\x80-\xff]*', 'null\0*', '*\0*', '*\n*',
	'socket.io#/#*', 'socket.io#/chat#*', 'socket.io#*', 'news.[0-9]',
].map(bytes);

const PIECES = ['*', '?', '[', ']', '^', '-', '\\', 'a', 'b', 'c', '.', '#'];

const pattern = (chance) => (chance.below(4) > 0 ? chance.one(PATTERNS) :
	bytes(chance.some(6, () => chance.one(PIECES)).join('')));
const channel = (chance) => (chance.below(20) > 0 ? chance.one(CHANNELS) :
	bytes(chance.some(4, () => chance.one(PIECES)).join('')));

/* Letters of any size: commands don't look at it. */
function inAnyCase(chance, word) {
	switch (chance.below(4)) {
	case 0: return word.toLowerCase();
	case 1: return word[0] + word.slice(1).toLowerCase();
	default: return word;
	}
}

let serial = 0;

/* Each message is another, so that a reply says which it is. */
function payload(chance) {
	serial++;
	return chance.below(30) > 0 ? `m${serial}` :
		`m${serial}${'x'.repeat(chance.below(40000))}`;
}

const many = (name, make) => (chance) =>
	[name, ...chance.some(3, () => make(chance))];
const none = (name) => () => [name];
const optional = (name, make) => (chance) =>
	[name, ...chance.below(2) ? [make(chance)] : []];

/* How often, and what. */
const COMMANDS = [
	[12, many('SUBSCRIBE', channel)],
	[12, many('PSUBSCRIBE', pattern)],
	[6, many('SSUBSCRIBE', channel)],
	[6, many('UNSUBSCRIBE', channel)],
	[6, many('PUNSUBSCRIBE', pattern)],
	[4, many('SUNSUBSCRIBE', channel)],
	[2, none('UNSUBSCRIBE')],
	[2, none('PUNSUBSCRIBE')],
	[2, none('SUNSUBSCRIBE')],
	[40, (chance) => ['PUBLISH', channel(chance), payload(chance)]],
	[10, (chance) => ['SPUBLISH', channel(chance), payload(chance)]],
	[4, (chance) => ['PUBSUB', 'CHANNELS',
		...chance.below(2) ? [pattern(chance)] : []]],
	[4, (chance) => ['PUBSUB', 'NUMSUB',
		...chance.below(4) ? chance.some(4, () => channel(chance)) : []]],
	[4, none('PUBSUB NUMPAT')],
	[3, (chance) => ['PUBSUB', 'SHARDCHANNELS',
		...chance.below(2) ? [pattern(chance)] : []]],
	[3, many('PUBSUB SHARDNUMSUB', channel)],
	[4, optional('PING', channel)],
	[3, (chance) => ['ECHO', payload(chance)]],
	[5, (chance) => ['HELLO', chance.one(['2', '3', '3'])]],
	[2, (chance) => ['HELLO', chance.one(['', '1', '4', 'x', '+3', '03', ' 3',
		'3 ', '-1', '3x', '99999999999999999999'])]],
	[1, none('HELLO')],
	[2, (chance) => ['HELLO', '3', ...chance.one([
		['SETNAME', 'me'], ['SETNAME', 'a b'], ['SETNAME'], ['AUTH', 'x'],
		['AUTH', 'nobody', 'x'], ['AUTH', 'default', 'x'], ['NO'],
		['AUTH', 'default', 'x', 'SETNAME', 'both'], ['', 'x'],
	])]],
	[2, none('RESET')],
	[1, none('QUIT')],
	[2, (chance) => ['SELECT', chance.one(['0', 'x', '', '00', '-', '0 '])]],
	[3, (chance) => ['CLIENT', 'SETNAME', chance.one(['a', 'b', '', 'a b',
		'new\nline', '\x7f', '~!', 'é'])]],
	[3, none('CLIENT GETNAME')],
	[1, (chance) => ['CLIENT', 'NO-EVICT',
		chance.one(['on', 'OFF', 'x', ''])]],
	[1, (chance) => ['CLIENT', 'REPLY', chance.one(['ON', 'on', 'x'])]],
	[2, (chance) => ['AUTH', ...chance.one([['x'], ['default', 'x'],
		['nobody', 'x'], ['a', 'b', 'c'], []])]],
	[2, (chance) => ['CLUSTER', chance.one(['INFO', 'SLOTS', 'SHARDS', 'NODES',
		'MYID', 'NO'])]],
];

/* With too few arguments, or too many, or none that there is. */
const WRONG = [
	'PING a b', 'ECHO', 'ECHO a b', 'SELECT', 'SELECT 0 0', 'SUBSCRIBE',
	'PSUBSCRIBE', 'SSUBSCRIBE', 'PUBLISH', 'PUBLISH a', 'PUBLISH a b c',
	'SPUBLISH a', 'SPUBLISH a b c', 'PUBSUB', 'PUBSUB NO', 'PUBSUB CHANNELS a b',
	'PUBSUB NUMPAT a', 'PUBSUB SHARDCHANNELS a b', 'RESET now', 'QUIT now',
	'CLIENT', 'CLIENT NO', 'CLIENT SETNAME', 'CLIENT SETNAME a b',
	'CLIENT GETNAME a', 'CLIENT ID a', 'CLIENT NO-EVICT', 'CLIENT REPLY',
	'CONFIG', 'CONFIG NO', 'CONFIG GET', 'CLUSTER', 'COMMAND NO a', 'AUTH',
	'CLUSTER INFO a', 'NO', 'NO a', 'NO a b c', 'PUBSUB|CHANNELS', 'CLIENT|ID',
	'COMMAND COUNT a',
].map((line) => line.split(' '));

function wrong(chance) {
	switch (chance.below(6)) {
	case 0: // more than is shown
		return ['NO', ...chance.some(8, () => 'y'.repeat(chance.below(60)))];
	case 1:
		return ['x'.repeat(chance.below(300)), 'line\r\nend'];
	case 2:
		return [chance.one(['', ' ', 'null\0byte', 'line\nend', '\xff'])];
	case 3:
		return [chance.one(['CLIENT', 'PUBSUB', 'CLUSTER']),
			chance.one(['', 'x'.repeat(chance.below(300)), 'new\nline'])];
	default:
		return chance.one(WRONG);
	}
}

/* As a terminal would send it: quoted where it must be. */
function line(chance, args) {
	const words = args.map((arg) => {
		const text = Buffer.from(arg).toString('latin1');
		if (/^[\w.#/*?-]+$/.test(text))
			return text;
		if (chance.below(2) && !/['\\\n\0]/.test(text))
			return `'${text}'`;
		return `"${text.replace(/[^ !#-[\]-~]/g, (c) =>
			`\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)}"`;
	});
	return bytes(words.join(chance.one([' ', '  ', '\t'])) +
		chance.one(['\n', '\r\n']));
}

const TOTAL = COMMANDS.reduce((sum, [weight]) => sum + weight, 0);

function regular(chance) {
	let at = chance.below(TOTAL);
	const [, make] = COMMANDS.find(([weight]) => (at -= weight) < 0);
	const [name, ...args] = make(chance);
	return [...inAnyCase(chance, name).split(' '), ...args];
}

/* One request: {args, bytes}. */
function request(chance) {
	const args = chance.below(12) ? regular(chance) : wrong(chance);
	const inline = chance.below(10) === 0 &&
		Buffer.concat(args.map((arg) => Buffer.from(arg))).length < 1000;
	return { args, bytes: inline ? line(chance, args) : command(...args) };
}

/* Bytes that end a connection. */
const MALFORMED = [
	'*x\r\n', '*\r\n', '*1x\r\n', '*01\r\n', '*2147483648\r\n',
	'*99999999999999999999\r\n', '* 1\r\n', '*1\r\n:1\r\n', '*1\r\n\r\n',
	'*1\r\n$x\r\n', '*1\r\n$-1\r\n', '*1\r\n$\r\n', '*1\r\n$01\r\n',
	'*1\r\n$99999999999\r\n', '*1\r\nPING\r\n', '*1\r\n*1\r\n',
	'*2\r\n$4\r\nPING\r\nx\r\n', '*1\r\n$4\r\nPING\r\n*x\r\n',
	'"\n', '\'\n', 'PING "a\n', 'PING "a"b\n', 'PING \'a\'b\n', 'PING \'a\\\'\n',
	'PING "a\\"\n', 'PING\r\n*-x\r\n', `*${'1'.repeat(70000)}`,
	`*1\r\n$${'1'.repeat(70000)}`, `PING ${'x'.repeat(70000)}`,
	'*1\r\n\xff\r\n', '*1\r\n\'\r\n',
].map(bytes);

/* Bytes that are neither a request nor an error. */
const NOTHING = ['\r\n', '\n', '*0\r\n', '*-1\r\n', '*-5\r\n', '  \r\n']
	.map(bytes);

module.exports = { Chance, MALFORMED, NOTHING, request };
