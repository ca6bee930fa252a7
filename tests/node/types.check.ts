import { Server } from 'socket.io';
import pm2Adapter = require('../../src/node');

const make = pm2Adapter({ socket: '/run/s', key: 'shop', requestsTimeout: 100 });
const io = new Server({ adapter: make });
io.adapter(pm2Adapter());
io.adapter(pm2Adapter.adapter());

const client: pm2Adapter.Client = make.client;
client.on('drop', ({ messages, bytes, reason }) => {
	const n: number = messages + bytes;
	const why: 'queue-full' | 'volatile' | 'too-big' | 'topic-too-long' | 'disconnect' | 'closed' =
		reason;
	return [n, why];
});
client.on('message', (topics: string[], body: Buffer) => [topics, body]);
client.once('connect_error', (error) => {
	const code: pm2Adapter.ErrorCode = error.code;
	return code;
});
const wasSent: boolean = client.publish(['a', 'b'], Buffer.from('x'), { volatile: true });
const closed: Promise<void> = client.close();
const adapter = io.of('/').adapter as pm2Adapter.PM2Adapter;
const uid: string = adapter.uid;
const timeout: number = adapter.requestsTimeout;

// @ts-expect-error: no such option
pm2Adapter({ sockets: '/run/s' });
// @ts-expect-error: bytes are a number
pm2Adapter({ queueMaxBytes: '1m' });
// @ts-expect-error: no such event
client.on('error', () => {});
// @ts-expect-error: counters belong to the client
client.stats = {};

export { closed, timeout, uid, wasSent };
