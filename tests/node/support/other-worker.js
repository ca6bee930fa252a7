'use strict';

/* The same server as another application's main file. */

require('./worker');
