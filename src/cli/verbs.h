// The verbs of the command line, one file each (run.cc, bench.cc, ...). Each takes the arguments
// after its name, writes results to standard output and everything else to standard error, and
// returns the exit status: 0, 1 (it failed) or 2 (it was called wrongly).
#pragma once

#include <string>
#include <vector>

namespace millrace {

using Arguments = std::vector<std::string>;

int Run(const Arguments& arguments);
int Bench(const Arguments& arguments);
int Inspect(const Arguments& arguments);
int Tokenize(const Arguments& arguments);
int Logits(const Arguments& arguments);
int Quantize(const Arguments& arguments);
int Perplexity(const Arguments& arguments);
int Compile(const Arguments& arguments);
int Trace(const Arguments& arguments);
int RenderTemplate(const Arguments& arguments);
int VerifyProgram(const Arguments& arguments);
int Disassemble(const Arguments& arguments);
int Assemble(const Arguments& arguments);
int Machines(const Arguments& arguments);
int Validate(const Arguments& arguments);

}  // namespace millrace
