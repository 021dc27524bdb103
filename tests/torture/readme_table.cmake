# The README's table of reliability is what the programme prints of docs/reliability.json: never typed.
#   cmake -D PROGRAM=... -D SOURCE=... -P readme_table.cmake
execute_process(COMMAND ${PROGRAM} --table=${SOURCE}/docs/reliability.json
                OUTPUT_VARIABLE table RESULT_VARIABLE status)
file(READ ${SOURCE}/README.md readme)
string(FIND "${readme}" "${table}" at)
if(NOT status EQUAL 0 OR table STREQUAL "" OR at EQUAL -1)
  message(FATAL_ERROR "README.md does not hold this table:\n${table}")
endif()
