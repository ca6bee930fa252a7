'use strict';

/*
 * What other workers have answered, decoded and judged. A member may answer
 * anything: an answer of another form than its question wants is left out, and
 * its member is among those that are missing, as `malformed`.
 */

const { isMap } = require('../socketio/payload');
const { decode } = require('../wire/msgpack-reader');

function isScalar(value) {
	return typeof value !== 'object' || value === null;
}

function isRooms(value) {
	return Array.isArray(value) && value.every(isScalar);
}

/* As fetchSockets() of Socket.IO reads one. */
function isDetails(value) {
	return isMap(value) && typeof value.id === 'string' && isMap(value.handshake) &&
		isRooms(value.rooms);
}

/* Of kinds that are not here, any value is an answer. */
const IS_ANSWER = {
	clientRooms: isRooms,
	fetchSockets: (value) => Array.isArray(value) && value.every(isDetails),
};

function isAnswer(kind, value) {
	return !Object.hasOwn(IS_ANSWER, kind) || IS_ANSWER[kind](value);
}

/* The value of an answer to a question of that kind, in an array, or null. */
function readAnswer(kind, body) {
	try {
		const value = decode(body);
		return isAnswer(kind, value) ? [value] : null;
	} catch {
		return null;
	}
}

/*
 * result: of Client.ask(). Returns it with values in the place of answers, and
 * with those `missing` whose answer is none.
 */
function readAnswers(kind, gather, result) {
	if (gather === 'union') {
		return result;
	}
	const answers = [];
	const missing = [...result.missing];
	for (const { id, name, body } of result.answers) {
		const read = readAnswer(kind, body);
		if (read === null) {
			missing.push({ id, name, reason: 'malformed' });
		} else {
			answers.push(read[0]);
		}
	}
	return { ...result, answers, missing };
}

module.exports = { readAnswers };
