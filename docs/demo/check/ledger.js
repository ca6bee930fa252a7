'use strict';

/*
 * Compares deliveries with expectations. Receivers are recorded before a message is sent, and every
 * arrival is checked against them. Each sender numbers its messages in a namespace, so that an
 * arrival out of order has a lower number than one before it.
 */
class Ledger {
	#streams = new Map();
	#pending = 0;
	#waiting = [];
	#counts = { expected: 0, delivered: 0, duplicates: 0 };
	#problems = [];

	/* `counted` false: it may be lost (volatile), but must not arrive twice or elsewhere. */
	expect(receiver, nsp, from, seq, what, counted = true) {
		this.#stream(receiver, nsp, from).wanted.set(seq, { what, counted, arrivals: 0 });
		if (counted) {
			this.#counts.expected++;
			this.#pending++;
		}
	}

	arrive(receiver, nsp, from, seq) {
		const stream = this.#stream(receiver, nsp, from);
		const entry = stream.wanted.get(seq);
		if (!entry)
			return this.problem('stray', receiver, nsp, from, seq, 'not meant for it');
		if (++entry.arrivals > 1) {
			this.#counts.duplicates++;
			return this.problem('duplicate', receiver, nsp, from, seq, entry.what);
		}
		if (seq < stream.last)
			this.problem('out of order', receiver, nsp, from, seq, `${entry.what}, after #${stream.last}`);
		stream.last = Math.max(seq, stream.last);
		if (entry.counted) {
			this.#counts.delivered++;
			if (--this.#pending === 0)
				this.#waiting.splice(0).forEach((resolve) => resolve());
		}
	}

	problem(kind, receiver, nsp, from, seq, what) {
		this.#problems.push(`${kind}: ${receiver} in ${nsp}: #${seq} of ${from}, ${what}`);
	}

	/* Resolves when all expected messages have arrived. */
	settled() {
		return this.#pending === 0
			? Promise.resolve()
			: new Promise((resolve) => { this.#waiting.push(resolve); });
	}

	/* Counts pending messages as lost. */
	close() {
		const missing = [];
		for (const { receiver, nsp, from, wanted } of this.#streams.values())
			for (const [seq, { what, counted, arrivals }] of wanted)
				if (counted && arrivals === 0)
					missing.push(`lost: ${receiver} in ${nsp}: #${seq} of ${from}, ${what}`);
		return {
			...this.#counts,
			lost: missing.length,
			problems: [...this.#problems, ...missing],
		};
	}

	#stream(receiver, nsp, from) {
		const key = `${receiver} ${nsp} ${from}`;
		let stream = this.#streams.get(key);
		if (!stream) {
			stream = { receiver, nsp, from, wanted: new Map(), last: -1 };
			this.#streams.set(key, stream);
		}
		return stream;
	}
}

module.exports = Ledger;
