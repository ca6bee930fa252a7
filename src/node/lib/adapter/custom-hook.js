'use strict';

/* The part of this worker in its own customRequest(). */

class HookCall {
	#adapter;
	#namespace;
	#timer;

	constructor(adapter, namespace) {
		this.#adapter = adapter;
		this.#namespace = namespace;
	}

	/*
	 * Calls the hook with `data`. Promises { answers, missing }: one answer, none
	 * if the hook throws, or this worker in `missing` if `timeout` ms pass first.
	 */
	start(data, { timeout, workerName }) {
		return new Promise((resolve) => {
			this.#timer = setTimeout(() => resolve({ answers: [], missing: [
				{ id: this.#namespace.client.welcome?.id ?? null, name: workerName, reason: 'timeout' },
			] }), timeout);
			try {
				this.#adapter.customHook(data, (value) =>
					resolve({ answers: [value ?? null], missing: [] }));
			} catch (error) {
				this.#namespace.reportThrown(error);
				resolve({ answers: [], missing: [] });
			}
		});
	}

	/* Stops the clock. */
	end() {
		clearTimeout(this.#timer);
	}
}

module.exports = { HookCall };
