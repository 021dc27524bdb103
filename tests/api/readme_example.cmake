# The example of README.md: taken out when it changes, compiled as a stranger's program, run.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/README.md)
file(READ ${PROJECT_SOURCE_DIR}/README.md readme)
set(fence "```cpp\n")
string(LENGTH "${fence}" fence_length)
string(FIND "${readme}" "${fence}" begin)
string(FIND "${readme}" "${fence}" last REVERSE)
if(begin EQUAL -1 OR NOT begin EQUAL last)
  message(FATAL_ERROR "README.md must hold one example, in a fence that begins with ```cpp")
endif()
math(EXPR begin "${begin} + ${fence_length}")
string(SUBSTRING "${readme}" ${begin} -1 readme)
string(FIND "${readme}" "```" length)
string(SUBSTRING "${readme}" 0 ${length} readme)
set(readme_example ${CMAKE_CURRENT_BINARY_DIR}/readme_example.cc)
file(CONFIGURE OUTPUT ${readme_example} CONTENT "${readme}" @ONLY)

add_executable(readme_example ${readme_example})
weir_target_rules(readme_example)
target_link_libraries(readme_example PRIVATE weir::weir)

# In a directory of its own, because it makes a store where it is.
set(scratch ${CMAKE_CURRENT_BINARY_DIR}/readme_example.run)
add_test(NAME readme_example_test
         COMMAND sh -c "rm -rf \"$1\" && mkdir \"$1\" && cd \"$1\" && said=$(\"$2\") && test \"$said\" = 'NEW 0: buy 100 AAPL'"
                 sh ${scratch} $<TARGET_FILE:readme_example>)
set_tests_properties(readme_example_test PROPERTIES TIMEOUT 60)
