// The model that comes with millrace, found from wherever the program stands.
#include <filesystem>

#include "program.h"

namespace millrace {
namespace {

const Arguments kTale = {"run",    "-p", "Once upon a time", "-n", "20",
                         "--temp", "0",  "--seed",           "1",  "--no-timings"};

TEST(DefaultModel, TellsATaleFromTheBuildTree) {
  const Outcome outcome = Millrace(kTale);
  ExpectSuccess(outcome);
  EXPECT_THAT(outcome.out, testing::StartsWith("Once upon a time"));
  EXPECT_GT(outcome.out.size(), 40u);
}

TEST(DefaultModel, ServesEveryVerb) {
  for (const Arguments& arguments : {Arguments{"inspect"}, Arguments{"tokenize", "-p", "The fox"},
                                     Arguments{"logits", "--tokens", "1,2,3"},
                                     Arguments{"bench", "-p", "4", "-n", "4", "-r", "1"}}) {
    SCOPED_TRACE(arguments[0]);
    ExpectSuccess(Millrace(arguments));
  }
}

TEST(DefaultModel, IsFoundAfterInstallation) {
  TemporaryFolder folder;
  Call install;
  install.program = MILLRACE_CMAKE;
  install.arguments = {"--install", MILLRACE_BUILD_DIR, "--prefix", folder / "usr"};
  ExpectSuccess(Execute(install));
  Call call;
  call.program = folder / "usr/bin/millrace";
  call.arguments = kTale;
  const Outcome installed = Execute(call);
  ExpectSuccess(installed);
  EXPECT_EQ(installed.out, Millrace(kTale).out);
  // It is the installed file that was found, and the program may be called through a link.
  std::filesystem::create_symlink(folder / "usr/bin/millrace", folder / "link");
  call.program = folder / "link";
  call.arguments = {"inspect"};
  const Outcome linked = Execute(call);
  ExpectSuccess(linked);
  EXPECT_THAT(linked.out, testing::HasSubstr("/share/millrace/models/tales.gguf: "));
}

}  // namespace
}  // namespace millrace
