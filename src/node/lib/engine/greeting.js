'use strict';

/* Whether the listener of a Unix socket is the worker whose tag the file has. */

const TARGET = '/pm2a/hello';
const HEADER = 'X-Pm2a';
const REQUEST = `GET ${TARGET} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`;
const ANSWER_MAX = 1024; // bytes

/* Answers the request at TARGET as the worker `tag`. */
function answer(res, tag) {
	res.writeHead(200, { 'Content-Length': 0, [HEADER]: tag }).end();
}

/*
 * Calls back with null if the listener answers within `ms` that it is the worker `tag`;
 * the connection is then free for a request. Otherwise destroys it and calls back
 * with the error.
 */
function askWhether(socket, tag, ms, fn) {
	let text = '';
	const finish = (reason) => {
		clearTimeout(timer);
		socket.off('data', onData).off('error', onEnd).off('close', onEnd);
		if (reason !== null) {
			socket.on('error', () => {}).destroy();
		}
		fn(reason === null ? null : new Error(reason));
	};
	const onData = (chunk) => {
		text += chunk.latin1Slice();
		if (text.endsWith('\r\n\r\n') && text.includes(`\r\n${HEADER}: ${tag}\r\n`)) {
			finish(null);
		} else if (text.length > ANSWER_MAX || text.includes('\r\n\r\n')) {
			finish('no worker listens there');
		}
	};
	const onEnd = (error) => finish(error?.message ?? 'no worker listens there');
	const timer = setTimeout(finish, ms, `no answer within ${ms} ms`);
	timer.unref();
	socket.on('data', onData).on('error', onEnd).on('close', onEnd);
	socket.write(REQUEST);
}

module.exports = { TARGET, answer, askWhether };
