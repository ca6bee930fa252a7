'use strict';

/* Runs, medians and tables, which all measurements of bench.js share. */

const { medians } = require('./median');

const QUICK = Boolean(process.env.QUICK);
const RUNS = QUICK ? 3 : 5;
const SECONDS = QUICK ? 0.15 : 0.4;

/*
 * Calls each of the functions in turn, once for each run, so that other work of
 * the machine affects all of them. Returns the medians of their results.
 */
async function interleaved(...functions) {
	const results = functions.map(() => []);
	for (let run = 0; run < RUNS; run++) {
		for (const [i, each] of functions.entries())
			results[i].push(await each());
	}
	return results.map(medians);
}

class Table {
	#widths;
	isOver = false;

	constructor(title, widths, ...heads) {
		this.#widths = widths;
		console.log(`\n${title}`);
		for (const head of heads)
			this.row(head);
	}

	row(cells) {
		console.log(cells.map((cell, i) => (i === 0 ?
			String(cell).padEnd(this.#widths[0]) :
			String(cell ?? '-').padStart(this.#widths[i]))).join('').trimEnd());
	}

	/* A value and its bound as text; over it, the value is marked. */
	judged(value, bound, digits = 2) {
		if (value === undefined || bound === undefined)
			return [value?.toFixed(digits), '-'];
		const isOver = value > bound;
		this.isOver ||= isOver;
		return [`${isOver ? '! ' : ''}${value.toFixed(digits)}`,
			`<= ${bound.toFixed(digits)}`];
	}
}

function sizeName(size) {
	return size < 1024 ? `${size} B` : `${size / 1024} KiB`;
}

module.exports = { QUICK, RUNS, SECONDS, Table, interleaved, sizeName };
