'use strict';

/*
 * Wraps `generateId` of an Engine.IO, which makes the ids of sessions, so that they
 * name their owner. The application may replace it at any time; its function is
 * wrapped too.
 *
 * On Socket.IO 2 the id of a session is also `socket.id`. An application that makes
 * its own ids relies on them, so there they stay as they are, and the owner is
 * looked up (owner-lookup.js).
 */

const { withTag } = require('./session-id');

/* Whether it is Engine.IO's own, which calls a module of that name. */
function isBuiltIn(generate) {
	return /\bbase64id/.test(Function.prototype.toString.call(generate));
}

/*
 * on: { tag(): tag of this worker, null if it has none. isIdPublic: whether the id
 * of a session is `socket.id`. onCustom(): the application makes ids that keep
 * their form }
 */
function wrapGenerateId(engine, on) {
	let value;

	function use(generate) {
		if (typeof generate !== 'function') {
			value = generate;
			return;
		}
		const isKept = on.isIdPublic && !isBuiltIn(generate);
		const add = (id) => {
			const tag = isKept ? null : on.tag();
			return tag === null ? id : withTag(id, tag);
		};
		if (isKept) {
			on.onCustom();
		}
		value = (...args) => {
			const id = generate.apply(engine, args);
			return typeof id?.then === 'function' ? id.then(add) : add(id);
		};
	}

	use(engine.generateId);
	Object.defineProperty(engine, 'generateId', {
		configurable: true, enumerable: true, get: () => value, set: use,
	});
}

module.exports = { wrapGenerateId };
