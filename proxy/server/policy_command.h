#pragma once

namespace CLI {
class App;
}

namespace epaulet::server {

/// `epaulet policy test CASES --config FILE`: asks a configuration who may do what, and exits with
/// 1 if an answer is another than expected; 2 if a file cannot be read. `epaulet policy explain`
/// asks one question: 0 allowed, 1 refused, 2 no question. `epaulet policy replay LOG --config
/// FILE` tells what another configuration would have said to recorded requests: 1 if it denies one
/// for sure that was allowed.
void add_policy_command(CLI::App& app, int& exit_code);

}  // namespace epaulet::server
