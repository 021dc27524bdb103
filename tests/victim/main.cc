// store_victim: see victim.h. Only a harness starts it.

#include <cstdint>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "victim/victim.h"

ABSL_FLAG(std::string, directory, "", "The store.");
ABSL_FLAG(std::string, front_directory, "", "As StoreOptions has it.");
ABSL_FLAG(uint64_t, segment_bytes, 0, "As StoreOptions has it.");
ABSL_FLAG(uint64_t, front_bytes, 0, "As StoreOptions has it.");
ABSL_FLAG(bool, manual, false, "Background::kManual.");
ABSL_FLAG(uint64_t, seed, 0, "Of the campaign.");
ABSL_FLAG(uint32_t, run, 0, "Which victim of the campaign this is.");
ABSL_FLAG(uint32_t, disk_one_in, 12, "So many appends, one of them for kDisk.");
ABSL_FLAG(bool, patient, false, "Goes on where it is refused.");
ABSL_FLAG(uint32_t, steps, 0, "Of the patient one; 0: until SIGTERM.");
ABSL_FLAG(uint32_t, lives, 1, "Of the patient one.");
ABSL_FLAG(uint32_t, alarm_micros, 0, "A SIGALRM each so often; 0: none.");
ABSL_FLAG(int, report_descriptor, -1, "Where the events go.");

int main(int argc, char* argv[]) {
  absl::ParseCommandLine(argc, argv);
  weir::victim::VictimOptions options;
  options.store.directory = absl::GetFlag(FLAGS_directory);
  options.store.front_directory = absl::GetFlag(FLAGS_front_directory);
  options.store.segment_bytes = absl::GetFlag(FLAGS_segment_bytes);
  options.store.front_bytes = absl::GetFlag(FLAGS_front_bytes);
  if (absl::GetFlag(FLAGS_manual)) options.store.background = weir::Background::kManual;
  options.seed = absl::GetFlag(FLAGS_seed);
  options.run = absl::GetFlag(FLAGS_run);
  options.disk_one_in = absl::GetFlag(FLAGS_disk_one_in);
  options.is_patient = absl::GetFlag(FLAGS_patient);
  options.steps = absl::GetFlag(FLAGS_steps);
  options.lives = absl::GetFlag(FLAGS_lives);
  options.alarm_micros = absl::GetFlag(FLAGS_alarm_micros);
  options.report_descriptor = absl::GetFlag(FLAGS_report_descriptor);
  return weir::victim::RunVictim(options);
}
