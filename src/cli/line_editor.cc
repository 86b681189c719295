#include "cli/line_editor.h"

#include <histedit.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

#include "cli/interrupt.h"
#include "cli/output.h"

namespace millrace {
namespace {

constexpr int kMostHistory = 1000;  // entries

// Empty if there is no place.
std::string HistoryFile() {
  const char* const state = std::getenv("XDG_STATE_HOME");
  const char* const home = std::getenv("HOME");
  std::filesystem::path folder;
  if (state != nullptr && state[0] == '/') {
    folder = state;
  } else if (home != nullptr && home[0] == '/') {
    folder = std::filesystem::path(home) / ".local" / "state";
  } else {
    return {};
  }
  folder /= "millrace";
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  return failed ? std::string() : (folder / "history").string();
}

// libedit reads characters as the locale has them, and text is UTF-8 here whatever the locale is.
void UseUtf8() {
  const char* const own = std::setlocale(LC_CTYPE, "");
  if (own != nullptr && std::string_view(own).find("UTF-8") != std::string_view::npos) return;
  if (own != nullptr && std::string_view(own).find("utf8") != std::string_view::npos) return;
  std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

// libedit, between its beginning and its end.
class LineEditor::Terminal {
 public:
  explicit Terminal(std::string prompt) : prompt_(std::move(prompt)), file_(HistoryFile()) {
    UseUtf8();
    editor_ = el_init("millrace", stdin, stderr, stderr);
    history_ = history_init();
    HistEvent event;
    history(history_, &event, H_SETSIZE, kMostHistory);
    history(history_, &event, H_SETUNIQUE, 1);
    if (!file_.empty()) history(history_, &event, H_LOAD, file_.c_str());
    if (editor_ == nullptr) return;
    el_set(editor_, EL_CLIENTDATA, this);
    el_set(editor_, EL_PROMPT, &Terminal::Prompt);
    el_set(editor_, EL_EDITOR, "emacs");
    el_set(editor_, EL_HIST, history, history_);
    el_set(editor_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    // A Ctrl-D that came while a reply ran, and so outside of el_gets, is kept by the terminal as
    // an end of file and handed over as a zero once the terminal is raw.
    el_set(editor_, EL_BIND, "^@", "em-delete-or-list", nullptr);
    el_source(editor_, nullptr);  // ~/.editrc, if somebody has one
  }
  ~Terminal() {
    if (editor_ != nullptr) el_end(editor_);
    history_end(history_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  bool works() const { return editor_ != nullptr; }

  Line Read(bool continued) {
    continued_ = continued;
    CatchInterrupts(SecondInterrupt::kIsCaughtToo, WaitingReads::kEnd);
    el_resize(editor_);
    int count = 0;
    const char* const text = el_gets(editor_, &count);
    if (text != nullptr && count > 0 && !Interrupted()) {
      return {End::kLine, std::string(text, static_cast<std::size_t>(count))};
    }
    if (!Interrupted()) return {End::kInput, ""};
    const LineInfo* const typed = el_line(editor_);
    const bool empty = typed->lastchar == typed->buffer && !continued;
    el_reset(editor_);
    Note("\n");
    return {empty ? End::kInterruptOfEmpty : End::kInterrupt, ""};
  }

  void Remember(const std::string& text) {
    HistEvent event;
    history(history_, &event, H_ENTER, text.c_str());
    if (!file_.empty()) history(history_, &event, H_SAVE, file_.c_str());
  }

 private:
  static char* Prompt(EditLine* editor) {
    Terminal* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    static char more[] = "... ";
    return self->continued_ ? more : self->prompt_.data();
  }

  std::string prompt_;
  std::string file_;  // of the history; empty: none
  bool continued_ = false;
  EditLine* editor_ = nullptr;
  History* history_ = nullptr;
};

LineEditor::LineEditor(std::string prompt) {
  if (!IsTerminal(stdin)) return;
  terminal_ = std::make_unique<Terminal>(std::move(prompt));
  if (!terminal_->works()) terminal_.reset();
}

LineEditor::~LineEditor() = default;

bool LineEditor::on_terminal() const { return terminal_ != nullptr; }

LineEditor::Line LineEditor::ReadOne(bool continued) {
  if (terminal_ != nullptr) return terminal_->Read(continued);
  std::string text;
  int c = 0;
  while ((c = std::getc(stdin)) != EOF) {
    text += static_cast<char>(c);
    if (c == '\n') break;
  }
  return {text.empty() ? End::kInput : End::kLine, text};
}

LineEditor::Line LineEditor::Read() {
  std::string text;
  while (true) {
    const Line line = ReadOne(!text.empty());
    if (line.end != End::kLine) {
      if (line.end == End::kInput && !text.empty()) break;
      return line;
    }
    text += line.text;
    if (text.ends_with('\n')) text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
    if (!text.ends_with('\\')) break;
    text.back() = '\n';
  }
  if (terminal_ != nullptr && !text.empty()) terminal_->Remember(text);
  return {End::kLine, std::move(text)};
}

}  // namespace millrace
