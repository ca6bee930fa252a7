'use strict';

/*
 * The result of a request: its answers decoded, and whether they are enough. A
 * worker may answer anything. An answer whose form does not fit its question is
 * left out, and its worker is in `missing`, as `malformed`.
 */

const { Pm2aError } = require('../client/errors');
const { decode } = require('../wire/msgpack-reader');

/* Reasons for which an answer that was given is missing. */
const UNFIT = [
	{ reason: 'too-big', what: 'over the daemon\'s limit' },
	{ reason: 'unencodable', what: 'not encodable' },
	{ reason: 'failed', what: 'missing for an unknown reason' },
	{ reason: 'malformed', what: 'malformed' },
];

function isScalar(value) {
	return typeof value !== 'object' || value === null;
}

function isRooms(value) {
	return Array.isArray(value) && value.every(isScalar);
}

/* The answers to other kinds of questions are any values. */
const IS_ANSWER = { clientRooms: isRooms };

function isAnswer(kind, value) {
	return !Object.hasOwn(IS_ANSWER, kind) || IS_ANSWER[kind](value);
}

/* Returns the answer's value in an array, or null. */
function readAnswer(kind, body) {
	try {
		const value = decode(body);
		return isAnswer(kind, value) ? [value] : null;
	} catch {
		return null;
	}
}

/*
 * result: of Client.ask(). Returns it with values for `answers`, and with the
 * workers whose answers are malformed in `missing`.
 */
function readResult(kind, gather, result) {
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

/* The workers that are missing for that reason. */
function missingFor(missing, reason) {
	return missing.filter((each) => each.reason === reason);
}

function namesOf(missing) {
	return missing.map(({ name, id }) => (name === '' ? `connection ${id}` : `${name} (${id})`))
		.join(', ');
}

/*
 * Returns the error of a result to which answers are missing, or null. A worker
 * that has left owes none. `responses`: the answers that came.
 */
function errorOf({ missing, outcome }, responses) {
	const late = missingFor(missing, 'timeout');
	const unfit = UNFIT.find(({ reason }) => missingFor(missing, reason).length > 0);
	let error = null;
	if (late.length > 0 || outcome === 'timeout') {
		error = new Pm2aError('PM2A_ERR_TIMEOUT',
			`timeout reached: missing ${late.length} responses`);
	} else if (unfit !== undefined) {
		const { reason, what } = unfit;
		error = new Pm2aError('PM2A_ERR_REFUSED',
			`${what} is the answer of ${namesOf(missingFor(missing, reason))}`);
		error.reason = reason;
	}
	return error && Object.assign(error, { missing, responses });
}

/* Returns `responses`; throws errorOf() unless a part of them is enough. */
function judge(result, responses, isPartial) {
	const error = isPartial ? null : errorOf(result, responses);
	if (error !== null) {
		throw error;
	}
	return responses;
}

module.exports = { judge, missingFor, namesOf, readResult };
