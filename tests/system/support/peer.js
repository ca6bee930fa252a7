'use strict';

/*
 * One raw connection to the daemon. It splits received bytes into frames and keeps
 * them until a test asks for them, or calls `onFrame` if they are too many to keep.
 * A connection opened with `paused` reads nothing until resume(): its data stays
 * in the kernel, which is what a stalled process looks like from outside.
 */

const assert = require('node:assert');
const net = require('node:net');
const frames = require('./frames');
const { decode, encode } = require('./msgpack');
const { within } = require('../../support/wait');

const { TYPE } = frames;

class Peer {
	static async connect(path, options = {}) {
		const peer = new Peer(path, options);
		await within(peer.connected, `connection to ${path}`);
		return peer;
	}

	/* Connects, introduces itself and waits until it is welcome. */
	static async member(path, keys = {}, options = {}) {
		const peer = await Peer.connect(path, options);
		peer.write(frames.hello(keys));
		if (!options.paused)
			await peer.welcomed();
		return peer;
	}

	constructor(path, { paused = false, onFrame } = {}) {
		this.frames = [];
		this.waiter = null;
		this.ended = false;
		this.serial = 0;
		this.onFrame = onFrame;
		this.splitter = new frames.Splitter((frame) => this.take(frame));
		this.socket = new net.Socket({ allowHalfOpen: true });
		if (paused)
			this.socket.pause();
		this.connected = new Promise((resolve, reject) => {
			this.socket.once('connect', resolve);
			this.socket.once('error', reject);
		});
		this.connected.catch(() => {});
		this.closed = new Promise((resolve) => {
			this.socket.once('end', resolve);
			this.socket.once('close', resolve);
		});
		this.socket.on('data', (chunk) => this.splitter.push(chunk));
		this.socket.on('error', (err) => {
			this.error = err;
		});
		this.closed.then(() => {
			this.ended = true;
			this.wake();
		});
		if (paused)
			this.socket.pause();
		this.socket.connect(path);
	}

	take(frame) {
		if (this.onFrame && frame.type === TYPE.PUBLISH)
			return this.onFrame(frame);
		this.frames.push(frame);
		this.wake();
	}

	wake() {
		if (this.waiter)
			this.waiter();
		this.waiter = null;
	}

	write(bytes) {
		this.socket.write(bytes);
	}

	/* Resolves when the kernel has taken the bytes. */
	written(bytes) {
		return within(new Promise((resolve) => {
			this.socket.write(bytes, resolve);
		}), 'write');
	}

	resume() {
		this.socket.resume();
	}

	/* The next frame, or null at the end of the connection. */
	async next(what = 'frame') {
		while (this.frames.length === 0 && !this.ended) {
			await within(new Promise((resolve) => {
				this.waiter = resolve;
			}), what);
		}
		return this.frames.shift() ?? null;
	}

	async expect(type) {
		const name = Object.keys(TYPE).find((key) => TYPE[key] === type);
		const frame = await this.next(name);
		assert.ok(frame, `the connection ended instead of ${name}`);
		assert.strictEqual(frame.type, type, `wanted ${name}, came ` +
			frame.raw.subarray(0, 200).toString('latin1'));
		return frame;
	}

	async map(type) {
		return decode((await this.expect(type)).body);
	}

	async welcomed() {
		this.welcome = await this.map(TYPE.WELCOME);
		this.id = this.welcome.id;
		return this.welcome;
	}

	/* [code, message, fatal], checked for its form. */
	async error() {
		const error = await this.map(TYPE.ERROR);
		assert.strictEqual(typeof error[0], 'string');
		assert.ok(error[1].length > 0, 'an ERROR says nothing to people');
		assert.strictEqual(typeof error[2], 'boolean');
		return error;
	}

	/* Everything sent so far is in force when this resolves. */
	async barrier() {
		const body = Buffer.from(`barrier ${++this.serial}`);
		this.write(frames.ping(body));
		const pong = await this.expect(TYPE.PONG);
		assert.deepStrictEqual(pong.body, body);
	}

	async subscribe(topics, flags) {
		this.write(frames.subscribe(topics, flags));
		await this.barrier();
	}

	async stats(sections, limit = 1000) {
		this.write(frames.frame(TYPE.STATS,
			{ body: encode({ sections, limit }) }));
		return this.map(TYPE.STATS_REPLY);
	}

	/* The end must come with nothing before it. */
	async expectEnd() {
		const frame = await this.next('end of the connection');
		assert.strictEqual(frame, null, frame &&
			`a frame before the end: ${frame.raw.toString('latin1')}`);
	}

	end() {
		this.socket.end();
	}

	destroy() {
		this.socket.destroy();
	}
}

module.exports = { Peer };
