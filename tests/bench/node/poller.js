'use strict';

/* Clients of forwarding.js, as cheap as they can be: HTTP long-polling, and WebSockets. */

const net = require('node:net');

const { WebSocket } = require('ws');

const END = Buffer.from('\r\n\r\n');
const LAST = Buffer.from('0\r\n\r\n'); // chunk

/* One connection with one request at a time. */
class Line {
	#socket;
	#head;
	#got = [];
	#length = 0; // of #got
	#take = null; // { resolve, reject }

	constructor(port, host = `127.0.0.1:${port}`) {
		this.#socket = net.connect(port, '127.0.0.1');
		this.#socket.setNoDelay();
		this.#head = `Host: ${host}\r\nAccept: */*\r\nUser-Agent: bench\r\nConnection: keep-alive\r\n`;
		this.#socket.on('data', (chunk) => this.#onData(chunk));
		this.#socket.on('error', (error) => this.#take?.reject(error));
		this.#socket.on('close', () => this.#take?.reject(new Error('a connection ended')));
	}

	/* Resolves to { status, body }. */
	ask(target, body) {
		return new Promise((resolve, reject) => {
			this.#take = { resolve, reject };
			this.#socket.write(body === undefined ?
				`GET ${target} HTTP/1.1\r\n${this.#head}\r\n` :
				`POST ${target} HTTP/1.1\r\n${this.#head}Content-Type: text/plain\r\n` +
				`Content-Length: ${body.length}\r\n\r\n${body}`);
		});
	}

	end() {
		this.#take = null;
		this.#socket.destroy();
	}

	#onData(chunk) {
		this.#got.push(chunk);
		this.#length += chunk.length;
		const all = this.#got.length === 1 ? chunk : Buffer.concat(this.#got);
		this.#got = [all];
		const at = all.indexOf(END);
		if (at < 0)
			return;
		const head = all.latin1Slice(0, at);
		const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
		if (length === undefined ? !all.subarray(-5).equals(LAST) : this.#length < at + 4 + Number(length))
			return;
		this.#got = [];
		this.#length = 0;
		const { resolve } = this.#take;
		this.#take = null;
		resolve({ status: Number(head.slice(9, 12)), body: all.latin1Slice(at + 4) });
	}
}

const TARGET = '/socket.io/?EIO=4&transport=polling';

/* A session that `owner` has; its later requests go to the worker `via`. Both are ports. */
class Poller {
	#gets;
	#posts;
	#target;

	static async open(owner, via) {
		const poller = new Poller();
		const line = new Line(owner);
		const { body } = await line.ask(TARGET);
		poller.sid = JSON.parse(body.slice(1)).sid;
		poller.#target = `${TARGET}&sid=${poller.sid}`;
		await line.ask(poller.#target, '40');
		await line.ask(poller.#target);
		line.end();
		poller.#gets = new Line(via);
		poller.#posts = new Line(via);
		return poller;
	}

	/* One GET, which waits, and one POST of `text`, an event `echo`. */
	async round(text) {
		const polled = this.poll();
		const posted = await this.#posts.ask(this.#target, `42["echo","${text}"]`);
		const { status, body } = await polled;
		if (posted.status !== 200 || status !== 200 || body.length !== text.length + 13)
			throw new Error(`an echo is lost: ${posted.status}, ${status}, ${body.slice(0, 100)}`);
	}

	poll() {
		return this.#gets.ask(this.#target);
	}

	end() {
		this.#gets.end();
		this.#posts.end();
	}
}

/* A session that has upgraded to a WebSocket at the worker `via`. */
class Upgraded {
	#ws;
	#take = null;

	static async open(owner, via) {
		const upgraded = new Upgraded();
		const { sid } = await Poller.open(owner, owner);
		const ws = new WebSocket(`ws://127.0.0.1:${via}/socket.io/?EIO=4&transport=websocket&sid=${sid}`,
			{ perMessageDeflate: false });
		upgraded.#ws = ws;
		await new Promise((resolve, reject) => {
			ws.once('error', reject);
			ws.once('open', () => ws.send('2probe'));
			ws.once('message', () => {
				ws.send('5');
				resolve();
			});
		});
		ws.on('message', (data) => {
			if (data.length > 2)
				upgraded.#take?.(data);
		});
		return upgraded;
	}

	async round(text) {
		const answer = new Promise((resolve) => { this.#take = resolve; });
		this.#ws.send(`42["echo","${text}"]`);
		const { length } = await answer;
		if (length !== text.length + 13)
			throw new Error('an echo is lost');
	}

	end() {
		this.#ws.terminate();
	}
}

module.exports = { Line, Poller, TARGET, Upgraded };
