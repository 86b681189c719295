// Lines that somebody types: on a terminal with editing and a history, otherwise as they come.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace millrace {

class LineEditor {
 public:
  // Reads standard input. On a terminal `prompt` stands before each line, on standard error, and
  // the lines of earlier times are there: the file millrace/history under XDG_STATE_HOME, or
  // ~/.local/state. Without such a place the history ends with the program.
  explicit LineEditor(std::string prompt);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  enum class End {
    kLine,
    kInput,             // Ctrl-D, or the end of the file
    kInterrupt,         // Ctrl-C, what was typed is thrown away
    kInterruptOfEmpty,  // Ctrl-C where nothing had been typed
  };
  struct Line {
    End end;
    std::string text;  // without a line end; a backslash before one goes with it
  };
  // The next line; several, where each but the last ends with a backslash.
  Line Read();

  bool on_terminal() const;

 private:
  class Terminal;

  Line ReadOne(bool continued);

  std::unique_ptr<Terminal> terminal_;  // null without one
};

}  // namespace millrace
