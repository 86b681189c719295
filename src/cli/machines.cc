// millrace machines: the LPUs that are described, and of one every number with its source.
#include "cli/machine_text.h"
#include "cli/options.h"
#include "cli/output.h"
#include "machine/load_system.h"

namespace millrace {
namespace {

std::string Dump(const nlohmann::ordered_json& json) {
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// What is printed.
Result<std::string> Execute(const std::string& spec, bool json) {
  if (spec.empty()) {
    const std::vector<MachineFile> machines = BuiltInMachines();
    if (json) return Dump(MachinesJson(machines));
    return MachinesTable(machines) +
           "\nNAMExN is a system of N chips; millrace machines NAME prints every number and its "
           "source.\n";
  }
  MILLRACE_TRY(const SystemSpec parts, ParseSystemSpec(spec));
  MILLRACE_TRY(const MachineFile machine, LoadMachineFile(parts.machine));
  MILLRACE_TRY(const System system, SystemOf(machine, parts.chips));
  return json ? Dump(MachineJson(machine, system)) : MachineText(machine, system);
}

}  // namespace

int Machines(const Arguments& arguments) {
  std::string spec, format = "md";
  VerbApp app("machines", "[NAME | NAMExN | FILE.toml] [options]",
              "The LPUs that are described, and of one every number with its source");
  app.add_option("NAME", spec, "the machine");
  app.add_option("-o,--output", format, "md or json")
      ->type_name("FORMAT")
      ->check(OneOf({"md", "json"}));
  if (const auto status = Parse(app, arguments)) return *status;
  const auto text = Execute(spec, format == "json");
  if (!text.ok()) return Fail(app, text.error());
  const auto written = Put(*text);
  return written.ok() ? 0 : Fail(app, written.error());
}

}  // namespace millrace
