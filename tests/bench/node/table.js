'use strict';

/* The figures of the comparison as a table, and those that are over a bound. */

const WIDTHS = [18, 12, 12, 12, 12, 12];
const FIGURES = ['emitter', 'receiver', 'broker', 'total', 'rate'];

function row(name, cells) {
	console.log([name, ...cells].map((cell, i) =>
		i === 0 ? cell.padEnd(WIDTHS[0]) : cell.padStart(WIDTHS[i])).join('').trimEnd());
}

function shown(result) {
	return FIGURES.map((key) => (key === 'rate' ?
		Math.round(result[key]).toLocaleString('en-US') : result[key].toFixed(1)));
}

/* Returns the best of the peers' figures. */
function best(key, peers) {
	const values = peers.map((result) => result[key]);
	return key === 'rate' ? Math.max(...values) : Math.min(...values);
}

class Table {
	#peers;

	constructor(peers) {
		this.#peers = peers;
		row('', ['emitter', 'receiver', 'broker', 'total', 'emits']);
		row('', ['/emit', '/message', '/emit', '/delivery', '/s']);
	}

	/*
	 * Prints a cell. results: peer → figures, of which the first is ours.
	 * Returns whether a ratio to the better peer is over its bound.
	 */
	cell(title, results, bounds) {
		console.log(`\n${title}`);
		for (const [peer, result] of results)
			row(`  ${this.#peers[peer].title}`, shown(result));
		const [ours, ...others] = results.values();
		const ratios = FIGURES.map((key) => ours[key] / best(key, others));
		const over = FIGURES.map((key, i) => (key === 'rate' ?
			ratios[i] <= bounds[key] : ratios[i] > bounds[key]));
		row('  of the better', ratios.map((ratio, i) =>
			`${over[i] ? '! ' : ''}${ratio.toFixed(2)}`));
		if (Object.keys(bounds).length === 0)
			return false;
		row('  bound', FIGURES.map((key) => (key in bounds ?
			`${key === 'rate' ? '>' : '<='} ${bounds[key].toFixed(2)}` : '-')));
		return over.includes(true);
	}
}

module.exports = { Table };
