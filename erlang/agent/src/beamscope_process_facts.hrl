%% What very many processes are asked at no great cost. To be included behind beamscope_cut.hrl and what
%% beamscope_copies.hrl is included behind, in front of the first function.
%%
%% The items `memory' and `total_heap_size' walk the message queue of the process that they are asked of (9 to 18
%% milliseconds for a million messages), so they are read only right after its queue was seen to be short.

-include("beamscope_copies.hrl").
-include("beamscope_reads_keys.hrl").

%% Bytes of external format above which a label is cut.
-define(SMALL_LABEL, 256).

%% Pids, and `large' for each whose value is greater, `gone' for each that has ended.
at_most(Item, Most) ->
    Answers = [
        {{'$1', {Item, '$2'}}, [{'=<', '$2', Most}], ['$1']}, {{'_', undefined}, [], [gone]}, {'_', [], [large]}
    ],
    {Item, ets:match_spec_compile(Answers)}.

at_least(Item, Least) ->
    Answers = [{{'$1', {Item, '$2'}}, [{'>=', '$2', Least}], ['$1']}, {{'_', undefined}, [], [gone]}],
    {Item, ets:match_spec_compile(Answers)}.

%% `{Pid, none}' or `{Pid, {term, Label}}' of processes.
labels(Pids, #{reads_keys := true}) ->
    Answers = [
        {{'$1', {'_', undefined}}, [], [{{'$1', none}}]}, {{'$1', {'_', '$2'}}, [], [{{'$1', {{term, '$2'}}}}]}
    ],
    ask(Pids, {{dictionary, '$process_label'}, ets:match_spec_compile(Answers)});
labels(Pids, #{reads_keys := false}) ->
    [{Pid, labelled(Label)} || {Pid, [Label]} <- from_dictionaries(['$process_label'], Pids)].

labelled(undefined) -> none;
labelled(Label) -> {term, Label}.

%% What `Make' makes of the labels of processes that are `copyable', those whose labels are too large, and those for
%% whose labels there was no time.
read_labels(Sized, Make, Plan) -> copied(Sized, fun(Pids) -> Make(labels(Pids, Plan)) end, Plan).

%% The same with `{term, Cut, Hash}' in place of large labels, which are few: two that differ behind the cut are two.
cut_labels(Read) ->
    {_, Labels} = lists:unzip(Read),
    Sizes = lists:map(fun erlang:external_size/1, Labels),
    case lists:max([0 | Sizes]) > ?SMALL_LABEL of
        true -> lists:zipwith(fun cut_label/2, Sizes, Read);
        false -> Read
    end.

cut_label(Size, {Pid, {term, Label}}) when Size > ?SMALL_LABEL ->
    {Pid, {term, cut(Label, ?SMALL_LABEL), erlang:phash2(Label, 1 bsl 32)}};
cut_label(_, Known) ->
    Known.
