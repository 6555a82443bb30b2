%% Words of heap up to which is copied out of a process what a program keeps there: a label, a whole dictionary, the value
%% of a key. Nobody outside of the process can know how large the copy will be: plain sharing, where half of the heap is
%% referred to from all of the other half, makes some 540 MB of so many words at worst (8 bytes a word). The server has the
%% same figure (CopiedHeap.ts).
-define(COPIED_HEAP, 16384).
