#include "k8s/doctor/command.h"
#include "runtime/asio_loop.h"

int main(int argc, char** argv) {
  CLI::App app{"epaulet-doctor: says what is wrong with a mesh in Kubernetes, and what to do"};
  app.set_version_flag("--version", std::string("epaulet-doctor ") + EPAULET_VERSION);
  app.require_subcommand(1);
  int exit_code = 0;
  epaulet::kube::add_doctor_commands(app, exit_code, epaulet::AsioLoop::read_wall_clock);
  CLI11_PARSE(app, argc, argv);
  return exit_code;
}
