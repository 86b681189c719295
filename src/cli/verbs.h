// One function a verb of the command line; each is in its own file.
#pragma once
