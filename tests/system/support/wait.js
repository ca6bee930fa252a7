'use strict';

/*
 * Waiting with an end. Under a sanitizer on a busy machine everything is some
 * ten times slower; the bounds are there to end a hang, not to measure.
 */
const PATIENCE_MS = 30000;

async function within(promise, what, ms = PATIENCE_MS) {
	let timer;
	const late = new Promise((resolve, reject) => {
		timer = setTimeout(
			() => reject(new Error(`no ${what} in ${ms} ms`)), ms);
	});
	try {
		return await Promise.race([promise, late]);
	} finally {
		clearTimeout(timer);
	}
}

function pause(ms) {
	return new Promise((resolve) => setTimeout(resolve, ms));
}

/* For what sends no event: a file that appears, a counter that moves. */
async function until(probe, what, ms = PATIENCE_MS) {
	const end = Date.now() + ms;
	for (;;) {
		const value = await probe();
		if (value)
			return value;
		if (Date.now() > end)
			throw new Error(`no ${what} in ${ms} ms`);
		await pause(10);
	}
}

module.exports = { PATIENCE_MS, pause, until, within };
