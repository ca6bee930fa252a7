'use strict';

/*
 * Rooms that sockets of other workers have been told to join, until they have.
 *
 * A message to a room goes to the workers that have subscribed to it. A worker
 * that is told to let its sockets join subscribes when it hears of it, and what
 * is published to the room right behind the command would pass it by. So what
 * is for such a room goes to all who may have been told, until each of them has
 * answered a question: what it answers comes behind what it has subscribed to.
 * There is one question at a time, whatever number of commands it is about.
 */

const ROOMS_MAX = 10_000; // that are told apart: there may be no daemon for long
const AGAIN = new Set(['PM2A_ERR_AWAY', 'PM2A_ERR_LOST']);

class Settling {
	#ask;
	#ready;
	#joined = new Map(); // room → the turn in which it was joined last
	#turn = 0; // counts questions
	#isAsking = false;
	#at = new Set(); // rooms of those to ask; all are where it has ALL

	static #ALL = Symbol('everyone in the namespace');
	static #ANY = Symbol('whatever room');

	/*
	 * ask(rooms): a promise of the end of a question to those who have one of
	 * the rooms, or to all if there is none. ready(): of a connection.
	 */
	constructor(ask, ready) {
		this.#ask = ask;
		this.#ready = ready;
	}

	/* Whether one of the rooms may be joined by others at this moment. */
	hasAny(rooms) {
		return this.#joined.has(Settling.#ANY) || this.#joined.size > 0 &&
			rooms.some((room) => this.#joined.has(String(room)));
	}

	/* Those in one of `members`, or all, have been told to join rooms. */
	add(rooms, members) {
		const isMuch = this.#joined.size + rooms.length > ROOMS_MAX;
		for (const room of isMuch ? [Settling.#ANY] : rooms.map(String)) {
			this.#joined.set(room, this.#turn);
		}
		const isWide = members.length === 0 || this.#at.size + members.length > ROOMS_MAX;
		for (const room of isWide ? [Settling.#ALL] : members) {
			this.#at.add(room);
		}
		if (!this.#isAsking) {
			this.#isAsking = true;
			this.#settle();
		}
	}

	async #settle() {
		while (this.#joined.size > 0) {
			const turn = this.#turn++;
			const members = this.#at.has(Settling.#ALL) ? [] : [...this.#at];
			this.#at = new Set();
			await this.#until(members);
			for (const [room, last] of this.#joined) {
				if (last <= turn) {
					this.#joined.delete(room);
				}
			}
		}
		this.#isAsking = false;
	}

	/* What had been said when there was no connection is said with the next. */
	async #until(members) {
		for (;;) {
			try {
				await this.#ask(members);
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

module.exports = { Settling };
