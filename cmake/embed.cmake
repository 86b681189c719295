# millrace_embed(TARGET FUNCTION FILES...)
#
# Puts text files into a library: the function, declared in base/embedded_file.h's terms by the folder that owns it,
#   std::span<const EmbeddedFile> FUNCTION();
# returns their names (without folders) and contents. A change of a file is a change of the library.
function(millrace_embed target function)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${function}.cc)
  add_custom_command(OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${source} -DFUNCTION=${function} "-DFILES=${ARGN}"
      -P ${CMAKE_SOURCE_DIR}/cmake/embed_files.cmake
    DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/embed_files.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${source})
endfunction()
