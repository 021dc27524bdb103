# Installs the built tree and builds a host against it, as a package of CMake and of pkg-config;
# configures one that has weir in its own tree. Needs SOURCE, BUILD, CXX; may have LAUNCHER.
set(work ${BUILD}/tests/install.run)
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work})

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${work} COMMAND_ECHO STDOUT
                  COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(configure ${CMAKE_COMMAND} -G Ninja -S ${SOURCE}/tests/install -D CMAKE_CXX_COMPILER=${CXX}
              -D CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER})

message("--- find_package")
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/prefix)
run(${configure} -B package -D CMAKE_PREFIX_PATH=${work}/prefix)
run(${CMAKE_COMMAND} --build package)
run(package/host package.store)
run(prefix/bin/weir info package.store)

message("--- pkg-config")
find_program(PKG_CONFIG pkg-config REQUIRED)
file(GLOB_RECURSE pc ${work}/prefix/weir.pc)
cmake_path(GET pc PARENT_PATH pc_dir)
set(ENV{PKG_CONFIG_PATH} ${pc_dir})
execute_process(COMMAND ${PKG_CONFIG} --cflags --libs weir OUTPUT_VARIABLE flags
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND "${flags}")
run(${LAUNCHER} ${CXX} -std=c++20 -c ${SOURCE}/tests/install/host.cc -o host.o ${flags})
run(${CXX} host.o -o pkgconfig_host ${flags})
run(./pkgconfig_host pkgconfig.store)

message("--- add_subdirectory")
run(${configure} -B folder -D WEIR_FOLDER=${SOURCE})
execute_process(COMMAND ${CMAKE_COMMAND} --build folder --target help WORKING_DIRECTORY ${work}
                OUTPUT_VARIABLE targets COMMAND_ERROR_IS_FATAL ANY)
if(targets MATCHES "weir_test|example_|weir_bench|weir_tool")
  message(FATAL_ERROR "as a folder weir is more than its library: ${CMAKE_MATCH_0}")
endif()
