import { Server } from 'socket.io';
import pm2Adapter = require('../../src/node');
import pm2App = require('../../src/node/pm2');

const make = pm2Adapter({ socket: '/run/s', key: 'shop', requestsTimeout: 100 });
const io = new Server({ adapter: make });
io.adapter(pm2Adapter());
io.adapter(pm2Adapter.adapter());

const client: pm2Adapter.Client = make.client;
client.on('missed', ({ reason, disconnect, unwritten, messages, awayMs }) => {
	const told: [string, string, number, number, number] = [reason, disconnect, unwritten, messages, awayMs];
	console.log(told, client.stats.missed, client.stats.missedBytes);
});
client.on('drop', ({ messages, bytes, reason }) => {
	const n: number = messages + bytes;
	const why: 'queue-full' | 'expired' | 'volatile' | 'too-big' | 'topic-too-long' | 'bad-room' | 'bad-event' |
		'disconnect' | 'closed' = reason;
	const many: number = client.stats.droppedFor[reason];
	return [n, why, many];
});
client.on('message', (topics: string[], body: Buffer) => [topics, body]);
client.once('connect_error', (error) => {
	const code: pm2Adapter.ErrorCode = error.code;
	return code;
});
const wasSent: boolean = client.publish(['a', 'b'], Buffer.from('x'), { volatile: true });
const closed: Promise<void> = client.close();
async function ask() {
	const list = await client.ask('t', Buffer.from('x'), { timeout: 100 });
	const bodies: Buffer[] = list.answers.map(({ body }) => body);
	const union = await client.ask(['a', 'b'], new Uint8Array(1), { gather: 'union', subscribers: true });
	const rooms: string[] = union.answers;
	const stream = await client.ask('t', Buffer.from('x'), {
		gather: 'stream', onPart: (from: number, body: Buffer) => [from, body],
	});
	const none: [] = stream.answers;
	const gone = stream.missing.map(({ id, name, reason }) => `${id} ${name} ${reason}`);
	return [bodies, rooms, none, gone, list.outcome === 'unknown', client.openQuestions];
}
client.on('question', (question) => {
	if (question.gather === 'stream' && !question.subscribers) {
		question.more(question.body);
		question.answer(new Uint8Array(0));
	} else {
		question.decline();
	}
	return question.topics.length;
});
const why: string | undefined = new pm2Adapter.Pm2aError().reason;
const warning: pm2Adapter.WarningCode = 'PM2A_WARN_AWAY';
pm2Adapter({ queueMaxAge: 1000 });
const adapter = io.of('/').adapter as pm2Adapter.PM2Adapter;
const uid: string = adapter.uid;
adapter.requestsTimeout = 1000;
const timeout: number = adapter.requestsTimeout;
async function methods() {
	adapter.clients((error, ids) => [error?.code, error?.missing?.[0].name, ids.length]);
	adapter.clients(['room'], (error, ids: string[]) => [error, ids]);
	adapter.remoteJoin('id', 'room', (error) => error?.responses);
	adapter.customHook = (data, cb) => cb(data);
	const ids: string[] = await adapter.clients(new Set(['room']));
	const rooms: Set<string> = await adapter.allRooms();
	const answers: any[] = await adapter.customRequest({ any: 'thing' });
	const done: void = await adapter.remoteDisconnect('id');
	return [ids, rooms, answers, done, await adapter.clientRooms('id'), await adapter.serverCount()];
}

const apps: pm2App.App[] = [pm2App(), { ...pm2App({ socket: '/run/s', args: ['--max-frame', '1m'] }), name: 'x' }];
const waits: boolean = apps[0].wait_ready;

// @ts-expect-error: options are a list
pm2App({ args: '--max-frame 1m' });
// @ts-expect-error: no such option
pm2App({ instances: 2 });
// @ts-expect-error: no such option
pm2Adapter({ sockets: '/run/s' });
// @ts-expect-error: bytes are a number
pm2Adapter({ queueMaxBytes: '1m' });
// @ts-expect-error: only the function makes one
new pm2Adapter.PM2Adapter(io.of('/'));
// @ts-expect-error: a callback gets an array
adapter.allRooms((error, set: Set<string>) => [error, set]);
// @ts-expect-error: no such way to gather
client.ask('t', Buffer.from('x'), { gather: 'all' });
// @ts-expect-error: a question is bytes
client.ask('t', 'x');
// @ts-expect-error: a union has strings
client.ask('t', Buffer.from('x'), { gather: 'union' }).then(({ answers }) => answers[0].body);
// @ts-expect-error: no such event
client.on('error', () => {});
// @ts-expect-error: counters belong to the client
client.stats = {};

export { ask, closed, methods, timeout, uid, waits, wasSent, why };

interface Events {
	message: (text: string, n: number) => void;
}
const emitter = pm2Adapter.createEmitter({ socket: '/run/s', nsp: 'chat', timeout: 100 });
const typed: pm2Adapter.Emitter<Events> = pm2Adapter.createEmitter<Events>();
const wasTaken: boolean = emitter.to('r').to(['a', 7]).except('b').compress(true).volatile.emit('any', 1);
typed.of('/chat').in('r').emit('message', 'text', 1);
emitter.in('r').socketsJoin(['a']);
emitter.disconnectSockets(true);
emitter.serverSideEmit('event', 1);
const flushed: Promise<void> = emitter.ready().then(() => emitter.flush()).then(() => emitter.close());
const receivers: Promise<number> = pm2Adapter.redisPublisher(emitter).publish('a', Buffer.from('x'));
pm2Adapter.redisPublisher(client).publish(Buffer.from('a'), 'x', (error, n: number) => [error, n]);

// @ts-expect-error: an emitter is what it is
pm2Adapter.createEmitter({ role: 'member' });
// @ts-expect-error: the second is a number
typed.emit('message', 'text', 'text');
// @ts-expect-error: no such event
typed.to('r').emit('other');

export { flushed, receivers, wasTaken };
