// A compiled program as one page that needs nothing else: its time, the timeline of every port, the
// floorplan coloured by how busy things are, what SRAM holds, what crosses the links.
//
// The page is web/lpu_report.html with the data as one JSON object in the place of its marker.
#pragma once

#include <string>

#include "compiler/compile.h"
#include "compiler/utilisation.h"
#include "machine/system.h"

namespace millrace::compiler {

// HTML. use: of Measure, at the report's position. The same input gives the same bytes.
std::string ReportPage(const Compiled& compiled, const System& system, const Utilisation& use);

}  // namespace millrace::compiler
