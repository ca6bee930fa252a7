'use strict';

function median(values) {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.floor(sorted.length / 2)];
}

/* Of each figure of the results, which are objects. */
function medians(results) {
	return Object.fromEntries(Object.keys(results[0]).map((key) =>
		[key, median(results.map((result) => result[key]))]));
}

module.exports = { median, medians };
