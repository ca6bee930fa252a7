'use strict';

/* A reporter for node --test: how long the tests of each file took, in milliseconds. */

const path = require('path');

module.exports = async function* durations(events) {
	const files = new Map();
	for await (const { type, data } of events) {
		if ((type === 'test:pass' || type === 'test:fail') && data.nesting === 0 && data.file)
			files.set(data.file, (files.get(data.file) ?? 0) + data.details.duration_ms);
	}
	for (const [file, ms] of files)
		yield `${Math.round(ms)} ms\t${path.relative('.', file)}\n`;
};
