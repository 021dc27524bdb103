// The commands of the tool, one file each. Each returns the exit status of the process.

#ifndef WEIR_TOOL_COMMANDS_H_
#define WEIR_TOOL_COMMANDS_H_

#include <string>

#include "tool/command_line.h"

namespace weir::tool {

extern const Command kAppendCommand;
extern const Command kReadCommand;
extern const Command kFindCommand;
extern const Command kInfoCommand;
extern const Command kVerifyCommand;
extern const Command kDumpCommand;
extern const Command kRepairCommand;
extern const Command kRetainCommand;
extern const Command kSnapshotCommand;

}  // namespace weir::tool

#endif  // WEIR_TOOL_COMMANDS_H_
