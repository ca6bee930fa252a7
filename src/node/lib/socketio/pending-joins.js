'use strict';

/*
 * Rooms that sockets of other workers were told to join, until they have.
 *
 * A message to a room goes to the workers that have subscribed to it. A worker
 * subscribes when it obeys the command to join, so it would miss a message that is
 * published right after the command. So messages to such a room go to all workers
 * that may have got the command, until each has answered a request: its answer
 * comes after its subscriptions. One request is open at a time, however many
 * commands it covers.
 */

const ROOMS_MAX = 10_000; // kept apart: there may be no daemon for long
const AGAIN = new Set(['PM2A_ERR_AWAY', 'PM2A_ERR_LOST']);

class PendingJoins {
	#request;
	#ready;
	#rooms = new Map(); // room → the turn of its last command
	#turn = 0; // number of requests
	#isRequesting = false;
	#members = new Set(); // rooms of the workers to ask; all workers if it has ALL

	static #ALL = Symbol('all workers');
	static #ANY = Symbol('any room');

	/*
	 * request(rooms): opens a request to the workers that have one of the rooms, or
	 * to all if there are none; promises its end. ready(): of a connection.
	 */
	constructor(request, ready) {
		this.#request = request;
		this.#ready = ready;
	}

	/* Whether other workers may be about to join one of the rooms. */
	hasAny(rooms) {
		return this.#rooms.has(PendingJoins.#ANY) || this.#rooms.size > 0 &&
			rooms.some((room) => this.#rooms.has(String(room)));
	}

	/* The workers that have one of the rooms `members`, or all, were told to join
	 * `rooms`. */
	add(rooms, members) {
		const isMuch = this.#rooms.size + rooms.length > ROOMS_MAX;
		for (const room of isMuch ? [PendingJoins.#ANY] : rooms.map(String)) {
			this.#rooms.set(room, this.#turn);
		}
		const isWide = members.length === 0 || this.#members.size + members.length > ROOMS_MAX;
		for (const room of isWide ? [PendingJoins.#ALL] : members) {
			this.#members.add(room);
		}
		if (!this.#isRequesting) {
			this.#isRequesting = true;
			this.#settle();
		}
	}

	async #settle() {
		while (this.#rooms.size > 0) {
			const turn = this.#turn++;
			const members = this.#members.has(PendingJoins.#ALL) ? [] : [...this.#members];
			this.#members = new Set();
			await this.#untilAnswered(members);
			for (const [room, last] of this.#rooms) {
				if (last <= turn) {
					this.#rooms.delete(room);
				}
			}
		}
		this.#isRequesting = false;
	}

	/* Commands that were given without a connection are sent on the next one, so
	 * the request is repeated there. */
	async #untilAnswered(members) {
		for (;;) {
			try {
				await this.#request(members);
				return;
			} catch (error) {
				if (!AGAIN.has(error.code)) {
					return;
				}
			}
			try {
				await this.#ready();
			} catch {
				return;
			}
		}
	}
}

module.exports = { PendingJoins };
