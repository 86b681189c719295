// The page of `millrace compile --report` in a browser: its script runs, draws and answers clicks.
//
// It takes a Chromium (MILLRACE_CHROMIUM, or `chromium` in /usr/bin), which is too large to be
// installed for this alone: without one the test is skipped, and says so.
#include <unistd.h>

#include <cstdlib>

#include "program.h"

namespace millrace {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

std::string Chromium() {
  const char* const named = std::getenv("MILLRACE_CHROMIUM");
  return named != nullptr ? named : "/usr/bin/chromium";
}

// What the page holds once its script is done.
Outcome InBrowser(const TemporaryFolder& folder, const std::string& page) {
  Call call;
  call.program = Chromium();
  call.arguments = {"--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--enable-logging=stderr",
                    "--user-data-dir=" + (folder / "profile"),
                    "--window-size=1300,2000",
                    "--virtual-time-budget=5000",
                    "--dump-dom",
                    "file://" + page};
  call.most_address_bytes = std::uint64_t{1} << 46;  // it reserves more than it uses
  return Execute(call);
}

// Somebody looks at chip 1 and zooms in; the page keeps what came of it in attributes.
constexpr const char* kSomebody = R"(
<script>
  const drawn = () => {
    const canvas = document.getElementById('timeline');
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return new Set(new Uint32Array(pixels.buffer)).size;
  };
  document.body.dataset.colours = drawn();
  document.getElementById('chip').value = 1;
  document.getElementById('chip').onchange();
  document.getElementById('in').click();
  document.body.dataset.span = view.to - view.from;
  document.body.dataset.cycles = data.cycles;
  document.body.dataset.chip = chip.number;
</script>
)";

TEST(ReportPage, DrawsAndAnswersInABrowser) {
  if (access(Chromium().c_str(), X_OK) != 0) {
    GTEST_SKIP() << "no browser: " << Chromium() << " is not there (MILLRACE_CHROMIUM names one)";
  }
  const TemporaryFolder folder;
  const std::string page = folder / "page.html";
  ExpectSuccess(
      Millrace({"compile", "--on", "groq-v1x4", "--group", "4", "-c", "64", "--report", page}));
  const std::string visited = folder.Write("visited.html", ReadFile(page) + kSomebody);
  const Outcome outcome = InBrowser(folder, visited);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.err, Not(HasSubstr("Uncaught")));
  EXPECT_THAT(outcome.out, HasSubstr("tales.gguf on groq-v1x4</h1>"));
  EXPECT_THAT(outcome.out, HasSubstr("<td>MXM pass</td>"));
  EXPECT_THAT(outcome.out, HasSubstr("A line sends, a column receives."));
  EXPECT_THAT(outcome.out, ContainsRegex("<th>from . to</th><th>0</th><th>1</th>"));
  EXPECT_THAT(outcome.out, ContainsRegex("data-colours=\"[0-9][0-9]+\""));
  EXPECT_THAT(outcome.out, HasSubstr("data-chip=\"1\""));
  // Half of all cycles is in view.
  const auto number = [&](const std::string& name) {
    const std::size_t at = outcome.out.find(name + "=\"");
    return at == outcome.out.npos ? -1 : std::stod(outcome.out.substr(at + name.size() + 2));
  };
  EXPECT_EQ(number("data-span"), number("data-cycles") / 2);
}

}  // namespace
}  // namespace millrace
