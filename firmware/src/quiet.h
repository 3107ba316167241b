#ifndef MICROFER_QUIET_H_
#define MICROFER_QUIET_H_

namespace microfer {

// From here on nothing but frames goes to the link: log lines of ESP-IDF and of
// the camera's driver, which also writes from its interrupt, would land inside
// of them. What they would say arrives as an error or a count in a message.
// Left are the boot's text, which comes before, and a panic's, after which no
// frame follows. Waits until the text before is out.
void SilenceConsole();

}  // namespace microfer

#endif  // MICROFER_QUIET_H_
