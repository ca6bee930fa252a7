'use strict';

const { PM2Adapter, pm2Adapter } = require('./lib/adapter');
const { Client } = require('./lib/client/client');
const { createEmitter } = require('./lib/emitter');
const { anyWorker } = require('./lib/engine');
const { Pm2aError } = require('./lib/client/errors');
const { redisPublisher } = require('./lib/emitter/redis-publisher');

function adapter(opts) {
	return pm2Adapter(opts, anyWorker(opts));
}

module.exports = adapter;
module.exports.adapter = adapter;
module.exports.PM2Adapter = PM2Adapter;
module.exports.Client = Client;
module.exports.Pm2aError = Pm2aError;
module.exports.createEmitter = createEmitter;
module.exports.redisPublisher = redisPublisher;
