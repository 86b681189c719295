# A cross build (cmake/aarch64.cmake): the folders that decide bits, and their tests.
#
# Debian has no libraries for the other processor without a whole second architecture, so fmt comes
# from its headers and GoogleTest from its sources; the folders that need more are left out.
set(MILLRACE_FMT_HEADERS /usr/include/fmt CACHE PATH "fmt's headers")
set(MILLRACE_GOOGLETEST /usr/src/googletest CACHE PATH "GoogleTest's sources")

# In a folder of their own: the other headers of the build machine are not for the target.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/include)
file(CREATE_LINK ${MILLRACE_FMT_HEADERS} ${CMAKE_BINARY_DIR}/include/fmt SYMBOLIC)
add_library(millrace_fmt INTERFACE)
target_include_directories(millrace_fmt SYSTEM INTERFACE ${CMAKE_BINARY_DIR}/include)
target_compile_definitions(millrace_fmt INTERFACE FMT_HEADER_ONLY)
add_library(fmt::fmt ALIAS millrace_fmt)
find_package(Threads REQUIRED)
if(MILLRACE_TESTS)
  set(INSTALL_GTEST OFF)
  add_subdirectory(${MILLRACE_GOOGLETEST} ${CMAKE_BINARY_DIR}/googletest EXCLUDE_FROM_ALL)
  target_compile_options(gtest PRIVATE -w)
  enable_testing()
  include(GoogleTest)
endif()

include(cmake/flags.cmake)
include(cmake/folder.cmake)
foreach(folder base numerics kernels graph host)
  add_subdirectory(src/${folder})
endforeach()

# What ./test runs on the emulated processor.
if(MILLRACE_TESTS)
  add_subdirectory(tests/golden)
  add_custom_target(arm_tests DEPENDS numerics_test kernels_test golden_test)
endif()
