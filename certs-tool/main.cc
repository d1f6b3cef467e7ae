#include <iostream>

#include "certs-tool/command_line.h"
#include "certs-tool/service/serve.h"
#include "runtime/asio_loop.h"

int main(int argc, char** argv) {
  return epaulet::certs::run({argv + 1, argv + argc}, epaulet::AsioLoop::read_wall_clock(),
                             std::cout, std::cerr, epaulet::certs::serve);
}
