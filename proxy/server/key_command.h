#pragma once

namespace CLI {
class App;
}

namespace epaulet::server {

/// `epaulet key new` draws an API key; `epaulet key hash` reads keys from standard input, one a
/// line, and prints what to keep of each. No key is ever an argument: every user of a host can read
/// those.
void add_key_command(CLI::App& app, int& exit_code);

}  // namespace epaulet::server
