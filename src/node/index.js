'use strict';

const { PM2Adapter, pm2Adapter } = require('./lib/adapter');
const { Client } = require('./lib/client/client');
const { createEmitter } = require('./lib/emitter');
const { Pm2aError } = require('./lib/client/errors');
const { redisPublisher } = require('./lib/emitter/redis-publisher');

module.exports = pm2Adapter;
module.exports.adapter = pm2Adapter;
module.exports.PM2Adapter = PM2Adapter;
module.exports.Client = Client;
module.exports.Pm2aError = Pm2aError;
module.exports.createEmitter = createEmitter;
module.exports.redisPublisher = redisPublisher;
