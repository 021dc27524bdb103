# Installs the built tree and builds a host against it, as a package of CMake and of pkg-config;
# then builds hosts that have weir in their own tree, as a folder and as fetched content. All are
# run. Needs SOURCE, BUILD, CXX; may have LAUNCHER.
set(work ${BUILD}/tests/install.run)
file(REMOVE_RECURSE ${work})
file(MAKE_DIRECTORY ${work})

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${work} COMMAND_ECHO STDOUT
                  COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(configure ${CMAKE_COMMAND} -G Ninja -S ${SOURCE}/tests/install -D CMAKE_CXX_COMPILER=${CXX})
set(with_launcher -D CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER})

message("--- find_package")
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/prefix)
run(${configure} ${with_launcher} -B package -D CMAKE_PREFIX_PATH=${work}/prefix)
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

# Compiling the library twice more would take longer than all the rest.
set(reuse ${SOURCE}/tests/install/reuse_object.sh ${SOURCE} ${BUILD} ${LAUNCHER})
file(WRITE ${work}/reuse.cmake "set(CMAKE_CXX_COMPILER_LAUNCHER \"${reuse}\" CACHE STRING \"\")\n")

function(run_own_tree name)
  message("--- ${name}")
  run(${configure} -C ${work}/reuse.cmake -B ${name} ${ARGN})
  execute_process(COMMAND ${CMAKE_COMMAND} --build ${name} --target help WORKING_DIRECTORY ${work}
                  OUTPUT_VARIABLE targets COMMAND_ERROR_IS_FATAL ANY)
  if(targets MATCHES "weir_test|example_|weir_bench|weir_tool")
    message(FATAL_ERROR "as a part of somebody else's tree weir is more than its library: "
                        "${CMAKE_MATCH_0}")
  endif()
  run(${CMAKE_COMMAND} --build ${name})
  run(${name}/host ${name}.store)
  run(prefix/bin/weir verify ${name}.store)
endfunction()

run_own_tree(folder -D WEIR_FOLDER=${SOURCE})
# Whoever asks the network here fails.
run_own_tree(fetched -D WEIR_FETCHED=${SOURCE} -D FETCHCONTENT_FULLY_DISCONNECTED=ON)
