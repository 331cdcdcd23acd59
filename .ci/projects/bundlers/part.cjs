exports.Server = require("asynchttpserver").AsyncHttpServer;
