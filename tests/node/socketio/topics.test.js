'use strict';

const assert = require('node:assert');
const { describe, test } = require('node:test');
const { ofRooms } = require('../../../src/node/lib/socketio/topics');

const ALL = 'k#/#';
const rooms = (n) => Array.from({ length: n }, (_, i) => `${i}`);

describe('topics', () => {
	test('of as many rooms as a frame takes', () => {
		const topics = ofRooms(ALL, rooms(4096), 4096);
		assert.equal(topics.length, 4096);
		assert.equal(topics[4095], 'k#/#4095#');
	});

	test('of more rooms is that of the namespace', () => {
		assert.deepEqual(ofRooms(ALL, rooms(4097), 4096), [ALL]);
		assert.deepEqual(ofRooms(ALL, rooms(10000), 4096), [ALL]);
	});

	test('of rooms whose topics are too long together is that of the namespace', () => {
		const long = Array.from({ length: 17 }, (_, i) => String(i).padStart(4000, 'x'));
		assert.deepEqual(ofRooms(ALL, long, 4096), [ALL]);
	});
});
