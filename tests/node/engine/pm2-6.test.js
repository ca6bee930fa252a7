'use strict';

require('../support/any-worker-pm2').testPm2('pm2-6');
